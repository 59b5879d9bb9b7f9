import { createFrameReader } from "../wire/frame.ts";
import { asArray, asNumber, asString, isObject, parseOrUndefined, type JsonObject } from "../wire/json.ts";

export interface ReadToolCall {
  readonly choice: number;
  readonly id: string;
  readonly name: string;
  /** JSON text as the client could put it together. */
  readonly arguments: string;
}

interface OpenCall {
  readonly choice: number;
  id: string;
  name: string;
  arguments: string;
}

/**
 * The tool calls in a reply, for the view `tool_calls`: told by the shape of the JSON, whatever API
 * it came over (chat, Messages, Responses; streamed or whole). Answers with what it recognises.
 */
export function readToolCalls(pieces: readonly Uint8Array[], framed: boolean): readonly ReadToolCall[] {
  const calls = new Map<string, OpenCall>();
  if (framed) {
    const frames = createFrameReader();
    for (const piece of pieces) {
      const { data } = frames.read(piece);
      const payload = data === undefined ? undefined : parseOrUndefined(data);
      if (isObject(payload)) readEvent(payload, calls);
    }
  } else {
    const body = parseOrUndefined(Buffer.concat(pieces).toString("utf8"));
    if (isObject(body)) readDocument(body, calls);
  }
  return [...calls.values()];
}

function callAt(calls: Map<string, OpenCall>, key: string, choice = 0): OpenCall {
  let call = calls.get(key);
  if (!call) {
    call = { choice, id: "", name: "", arguments: "" };
    calls.set(key, call);
  }
  return call;
}

function readEvent(event: JsonObject, calls: Map<string, OpenCall>): void {
  for (const choice of asArray(event["choices"])) {
    if (isObject(choice) && isObject(choice["delta"])) readChat(choice["delta"], asNumber(choice["index"]) ?? 0, calls);
  }
  const block = event["content_block"];
  if (event["type"] === "content_block_start" && isObject(block) && block["type"] === "tool_use") {
    const call = callAt(calls, `block ${String(event["index"])}`);
    call.id = asString(block["id"]) ?? "";
    call.name = asString(block["name"]) ?? "";
  }
  const delta = event["delta"];
  if (event["type"] === "content_block_delta" && isObject(delta) && delta["type"] === "input_json_delta") {
    callAt(calls, `block ${String(event["index"])}`).arguments += asString(delta["partial_json"]) ?? "";
  }
  // Responses repeats each finished item whole: no need to fold its deltas.
  if (event["type"] === "response.output_item.done" && isObject(event["item"])) readItem(event["item"], calls);
}

function readDocument(body: JsonObject, calls: Map<string, OpenCall>): void {
  for (const choice of asArray(body["choices"])) {
    if (isObject(choice) && isObject(choice["message"])) readChat(choice["message"], asNumber(choice["index"]) ?? 0, calls);
  }
  for (const [n, block] of asArray(body["content"]).entries()) {
    if (!isObject(block) || block["type"] !== "tool_use") continue;
    const call = callAt(calls, `block ${n}`);
    call.id = asString(block["id"]) ?? "";
    call.name = asString(block["name"]) ?? "";
    call.arguments = JSON.stringify(block["input"] ?? {});
  }
  for (const item of asArray(body["output"])) if (isObject(item)) readItem(item, calls);
}

function readChat(message: JsonObject, choice: number, calls: Map<string, OpenCall>): void {
  for (const [n, tool] of asArray(message["tool_calls"]).entries()) {
    if (!isObject(tool)) continue;
    const call = callAt(calls, `${choice} ${asNumber(tool["index"]) ?? n}`, choice);
    call.id ||= asString(tool["id"]) ?? "";
    if (!isObject(tool["function"])) continue;
    call.name ||= asString(tool["function"]["name"]) ?? "";
    call.arguments += asString(tool["function"]["arguments"]) ?? "";
  }
}

function readItem(item: JsonObject, calls: Map<string, OpenCall>): void {
  if (item["type"] !== "function_call") return;
  const call = callAt(calls, `item ${asString(item["id"]) ?? calls.size}`);
  call.id = asString(item["call_id"]) ?? "";
  call.name = asString(item["name"]) ?? "";
  call.arguments = asString(item["arguments"]) ?? "";
}
