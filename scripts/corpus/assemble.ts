/** What a client makes of a reply: the same fields whichever API and form it came in. */
import { isObject, type JsonObject } from "../../src/wire/json.ts";

export interface AssembledCall {
  id: string;
  type: string | undefined;
  name: string;
  /** Text, or what stood in its place. */
  arguments: unknown;
  firstHasName: boolean;
}

export interface Assembled {
  content: string;
  reasoning: string;
  role: string | undefined;
  calls: AssembledCall[];
  finish: string | undefined;
  error: unknown;
  usage: unknown;
  done: number;
  afterDone: number;
  /** Blocks that were opened and never closed. */
  open: number;
  /** What a strict client would trip over, by name. */
  readonly faults: Set<"index" | "identity" | "arguments-object" | "block-type" | "input-not-object">;
  text: string | undefined;
  body: unknown;
}

function empty(): Assembled {
  return {
    content: "",
    reasoning: "",
    role: undefined,
    calls: [],
    finish: undefined,
    error: undefined,
    usage: undefined,
    done: 0,
    afterDone: 0,
    open: 0,
    faults: new Set(),
    text: undefined,
    body: undefined,
  };
}

const list = (value: unknown): JsonObject[] => (Array.isArray(value) ? value.filter(isObject) : []);
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** Payloads as a strict reader sees them: invalid UTF-8 or JSON throws, an unterminated block is dropped. */
export function payloadsOf(body: Uint8Array): unknown[] {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(body).replace(/\r\n?/g, "\n");
  return text
    .split("\n\n")
    .slice(0, -1)
    .flatMap((block) => {
      const lines = block.split("\n").filter((line) => line.startsWith("data:"));
      if (lines.length === 0) return [];
      const data = lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n");
      return [data === "[DONE]" ? data : (JSON.parse(data) as unknown)];
    });
}

export function assembleChat(payloads: readonly unknown[]): Assembled {
  const reply = empty();
  const byIndex = new Map<unknown, AssembledCall>();
  for (const payload of payloads) {
    if (payload === "[DONE]") {
      reply.done += 1;
      continue;
    }
    if (reply.done > 0) reply.afterDone += 1;
    if (!isObject(payload)) continue;
    if (payload["error"]) {
      reply.error = payload["error"];
      continue;
    }
    if (payload["usage"]) reply.usage = payload["usage"];
    for (const choice of list(payload["choices"])) {
      if ((choice["index"] ?? 0) !== 0) continue;
      const delta = isObject(choice["delta"]) ? choice["delta"] : {};
      if (delta["role"]) reply.role = textOf(delta["role"]);
      reply.content += textOf(delta["content"]);
      reply.reasoning += textOf(delta["reasoning_content"]);
      for (const call of list(delta["tool_calls"])) addCall(reply, byIndex, call);
      if (choice["finish_reason"]) reply.finish = textOf(choice["finish_reason"]);
    }
  }
  return reply;
}

function addCall(reply: Assembled, byIndex: Map<unknown, AssembledCall>, call: JsonObject): void {
  const index = call["index"];
  if (index === undefined || index === null) reply.faults.add("index");
  const fn = isObject(call["function"]) ? call["function"] : {};
  let known = byIndex.get(index ?? 0);
  if (!known) {
    known = {
      id: textOf(call["id"]),
      type: textOf(call["type"]) || undefined,
      name: "",
      arguments: "",
      firstHasName: textOf(fn["name"]) !== "",
    };
    byIndex.set(index ?? 0, known);
    reply.calls.push(known);
  } else if (call["id"] === "" || fn["name"] === "") {
    reply.faults.add("identity");
  }
  if (call["id"]) known.id = textOf(call["id"]);
  known.name += textOf(fn["name"]);
  const args = fn["arguments"];
  if (args === undefined || args === null) return;
  if (typeof args !== "string") reply.faults.add("arguments-object");
  known.arguments = String(known.arguments) + (typeof args === "string" ? args : JSON.stringify(args));
}

export function assembleMessages(payloads: readonly unknown[]): Assembled {
  const reply = empty();
  const blocks = new Map<unknown, { type: unknown; call: AssembledCall | undefined; input: unknown; json: string }>();
  for (const event of payloads.filter(isObject)) {
    const index = event["index"];
    const block = blocks.get(index);
    const delta = isObject(event["delta"]) ? event["delta"] : {};
    switch (event["type"]) {
      case "content_block_start": {
        const start = isObject(event["content_block"]) ? event["content_block"] : {};
        const call: AssembledCall | undefined =
          start["type"] === "tool_use"
            ? { id: textOf(start["id"]), type: undefined, name: textOf(start["name"]), arguments: "", firstHasName: true }
            : undefined;
        if (call) reply.calls.push(call);
        blocks.set(index, { type: start["type"], call, input: start["input"], json: "" });
        reply.open += 1;
        break;
      }
      case "content_block_delta":
        if (delta["type"] === "text_delta") {
          if (block?.type !== "text") reply.faults.add("block-type");
          reply.content += textOf(delta["text"]);
        } else if (delta["type"] === "thinking_delta") {
          if (block?.type !== "thinking") reply.faults.add("block-type");
          reply.reasoning += textOf(delta["thinking"]);
        } else if (delta["type"] === "input_json_delta" && block) block.json += textOf(delta["partial_json"]);
        break;
      case "content_block_stop":
        reply.open -= 1;
        break;
      case "message_delta":
        if (delta["stop_reason"]) reply.finish = textOf(delta["stop_reason"]);
        break;
      case "message_stop":
        reply.done += 1;
        break;
      case "error":
        reply.error = event["error"] ?? event;
        break;
      default:
        break;
    }
  }
  for (const { call, json, input } of blocks.values()) if (call) call.arguments = json === "" ? JSON.stringify(input ?? {}) : json;
  return reply;
}

export function assembleBody(body: unknown): Assembled {
  const reply = empty();
  reply.body = body;
  if (!isObject(body)) return reply;
  if (body["error"]) {
    reply.error = body["error"];
    return reply;
  }
  reply.usage = body["usage"];
  if (body["type"] === "message") {
    reply.finish = textOf(body["stop_reason"]) || undefined;
    for (const block of list(body["content"])) {
      if (block["type"] === "text") reply.content += textOf(block["text"]);
      if (block["type"] === "thinking") reply.reasoning += textOf(block["thinking"]);
      if (block["type"] !== "tool_use") continue;
      if (!isObject(block["input"])) reply.faults.add("input-not-object");
      reply.calls.push({
        id: textOf(block["id"]),
        type: undefined,
        name: textOf(block["name"]),
        arguments: block["input"],
        firstHasName: true,
      });
    }
    return reply;
  }
  const choice = list(body["choices"])[0] ?? {};
  const message = isObject(choice["message"]) ? choice["message"] : {};
  reply.content = textOf(message["content"]);
  reply.reasoning = textOf(message["reasoning_content"]);
  reply.role = textOf(message["role"]) || undefined;
  reply.finish = textOf(choice["finish_reason"]) || undefined;
  reply.text = typeof choice["text"] === "string" ? choice["text"] : undefined;
  reply.calls = list(message["tool_calls"]).map((call) => {
    const fn = isObject(call["function"]) ? call["function"] : {};
    return {
      id: textOf(call["id"]),
      type: textOf(call["type"]) || undefined,
      name: textOf(fn["name"]),
      arguments: fn["arguments"],
      firstHasName: true,
    };
  });
  return reply;
}
