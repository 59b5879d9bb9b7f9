import type { Delta, RequestView, Usage } from "../core/delta.ts";
import { makeFrame, type Frame } from "../wire/frame.ts";
import { asArray, asNumber, asString, isObject, type JsonObject } from "../wire/json.ts";
import type { Dialect, StreamCodec } from "./dialect.ts";
import { createMetaFilter, openaiErrorBody, readOpenaiError, readOpenaiToolUse, readTimings, usageOf, viewOf } from "./openai.ts";
import { writeOutput } from "./responses-output.ts";
import { createItemWriter } from "./responses-write.ts";

/**
 * The Responses API: named events, no `[DONE]`; the `*.done` events and `response.completed` repeat
 * everything the deltas said. `timings` only in a stream, beside `response`.
 */
export const openaiResponses: Dialect = {
  name: "openai.responses",
  routes: ["/v1/responses", "/responses"],
  operation: "chat",
  tools: true,

  readRequest(body): RequestView {
    const request = isObject(body) ? body : {};
    const conversation = request["conversation"];
    return viewOf(body, {
      ...readOpenaiToolUse(request),
      conversation: asString(isObject(conversation) ? conversation["id"] : conversation) ?? asString(request["prompt_cache_key"]),
    });
  },

  codec: () => createResponsesCodec(),

  readDocument(body) {
    const error = readOpenaiError(body);
    if (error) return [error];
    if (!isObject(body)) return [];
    const deltas: Delta[] = [];
    const meta = metaOf(body);
    if (meta) deltas.push(meta);
    let tool = 0;
    for (const item of asArray(body["output"])) {
      if (!isObject(item)) continue;
      if (item["type"] === "function_call") {
        deltas.push(openOf(item, tool));
        const text = asString(item["arguments"]);
        if (text) deltas.push({ kind: "tool-args", choice: 0, tool, text });
        deltas.push({ kind: "tool-close", choice: 0, tool });
        tool += 1;
      } else {
        for (const part of asArray(item["content"])) {
          const text = isObject(part) ? asString(part["text"]) : undefined;
          if (text) deltas.push({ kind: item["type"] === "reasoning" ? "reasoning" : "text", choice: 0, text });
        }
      }
    }
    readEnd(body, deltas);
    return deltas;
  },

  writeDocument: (body, deltas) =>
    isObject(body) && Array.isArray(body["output"]) ? { ...body, output: writeOutput(body["output"], deltas) } : body,
  errorFrame,
  errorBody: openaiErrorBody,
};

/**
 * OpenAI's SDKs throw on any event with an `error` member; Codex ignores that and waits for
 * `response.failed`. One event that is both.
 */
function errorFrame(message: string, type: string): Frame {
  const error = { code: type, message, type };
  return makeFrame(
    JSON.stringify({ type: "response.failed", response: { object: "response", status: "failed", error }, error }),
    "response.failed",
  );
}

function createResponsesCodec(): StreamCodec {
  const news = createMetaFilter();
  /** Calls by item id, and what of them came so far. */
  const calls = new Map<string, { tool: number; args: boolean; open: boolean }>();
  const writer = createItemWriter();
  let lastRead: readonly Delta[] = [];

  function openCall(item: JsonObject, deltas: Delta[]): { tool: number; args: boolean; open: boolean } {
    const call = { tool: calls.size, args: false, open: true };
    calls.set(asString(item["id"]) ?? "", call);
    deltas.push(openOf(item, call.tool));
    return call;
  }

  function readEvent(payload: JsonObject, deltas: Delta[]): void {
    const item = isObject(payload["item"]) ? payload["item"] : {};
    const delta = asString(payload["delta"]);
    const call = calls.get(asString(payload["item_id"]) ?? asString(item["id"]) ?? "");
    switch (payload["type"]) {
      case "response.output_item.added":
        if (item["type"] === "function_call") readArgs(openCall(item, deltas), asString(item["arguments"]), deltas);
        break;
      case "response.output_text.delta":
        if (delta) deltas.push({ kind: "text", choice: 0, text: delta });
        break;
      case "response.reasoning_text.delta":
      case "response.reasoning_summary_text.delta":
        if (delta) deltas.push({ kind: "reasoning", choice: 0, text: delta });
        break;
      case "response.function_call_arguments.delta":
        if (call) readArgs(call, delta, deltas);
        break;
      case "response.function_call_arguments.done":
        // Repeats what the deltas said, unless there were none.
        if (call && !call.args) readArgs(call, asString(payload["arguments"]), deltas);
        break;
      case "response.output_item.done": {
        if (item["type"] !== "function_call") break;
        const known = call ?? openCall(item, deltas);
        if (!known.args) readArgs(known, asString(item["arguments"]), deltas);
        if (known.open) deltas.push({ kind: "tool-close", choice: 0, tool: known.tool });
        known.open = false;
        break;
      }
      default:
        break;
    }
  }

  return {
    dirty: () => writer.dirty(),
    read({ payload }) {
      const deltas: Delta[] = [];
      lastRead = deltas;
      if (!isObject(payload)) return deltas;
      const response = isObject(payload["response"]) ? payload["response"] : undefined;
      const error = readOpenaiError(payload) ?? readOpenaiError(response);
      if (error) {
        writer.see(payload, deltas);
        deltas.push(error);
        return deltas;
      }
      const meta = response && news(metaOf(response));
      if (meta) deltas.push(meta);
      readEvent(payload, deltas);
      if (response && isEnd(payload["type"])) {
        for (const call of calls.values()) {
          if (call.open) deltas.push({ kind: "tool-close", choice: 0, tool: call.tool });
          call.open = false;
        }
        readEnd(response, deltas);
        const timings = readTimings(payload["timings"]);
        if (timings) deltas.push({ kind: "timings", timings });
        deltas.push({ kind: "done" });
      }
      writer.see(payload, deltas);
      return deltas;
    },
    write: (like, deltas) => writer.write(like, deltas, deltas === lastRead),
    append: (_like, deltas) => [
      ...writer.append(deltas),
      ...deltas.flatMap((delta) => (delta.kind === "error" ? [errorFrame(delta.message, delta.type ?? "server_error")] : [])),
    ],
  };
}

function readArgs(call: { tool: number; args: boolean }, text: string | undefined, deltas: Delta[]): void {
  if (!text) return;
  call.args = true;
  deltas.push({ kind: "tool-args", choice: 0, tool: call.tool, text });
}

function isEnd(type: unknown): boolean {
  return type === "response.completed" || type === "response.incomplete";
}

function metaOf(response: JsonObject): Extract<Delta, { kind: "meta" }> | undefined {
  const id = asString(response["id"]);
  const model = asString(response["model"]);
  if (id === undefined && model === undefined) return undefined;
  return { kind: "meta", ...(id === undefined ? {} : { id }), ...(model === undefined ? {} : { model }) };
}

function openOf(item: JsonObject, tool: number): Delta {
  return { kind: "tool-open", choice: 0, tool, id: asString(item["call_id"]) ?? "", name: asString(item["name"]) ?? "" };
}

/** The finish is the status, or why it is `incomplete`. llama-server says `completed` even when cut by the token limit. */
function readEnd(response: JsonObject, deltas: Delta[]): void {
  const details = isObject(response["incomplete_details"]) ? response["incomplete_details"] : {};
  const reason = asString(details["reason"]) ?? asString(response["status"]);
  if (reason !== undefined) deltas.push({ kind: "finish", choice: 0, reason });
  const usage = response["usage"];
  if (!isObject(usage)) return;
  const input = isObject(usage["input_tokens_details"]) ? usage["input_tokens_details"] : {};
  const output = isObject(usage["output_tokens_details"]) ? usage["output_tokens_details"] : {};
  const counts: Usage = usageOf({
    promptTokens: asNumber(usage["input_tokens"]),
    completionTokens: asNumber(usage["output_tokens"]),
    cachedTokens: asNumber(input["cached_tokens"]),
    reasoningTokens: asNumber(output["reasoning_tokens"]),
  });
  if (Object.keys(counts).length > 0) deltas.push({ kind: "usage", usage: counts });
}
