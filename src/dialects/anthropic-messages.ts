import type { Delta, RequestView, Usage } from "../core/delta.ts";
import { makeFrame, type Frame } from "../wire/frame.ts";
import { asArray, asNumber, asString, isObject, parseOrUndefined, type JsonObject } from "../wire/json.ts";
import { writeMessageBody } from "./anthropic-body.ts";
import { createBlockWriter } from "./anthropic-write.ts";
import type { Dialect, StreamCodec } from "./dialect.ts";
import { readOpenaiError, usageOf, viewOf } from "./openai.ts";

/**
 * Anthropic's Messages API as llama-server speaks it: named events, no `[DONE]`, blocks that overlap
 * (every `content_block_stop` comes at the very end), no timings, `input_tokens` without cached ones.
 */
export const anthropicMessages: Dialect = {
  name: "anthropic.messages",
  routes: ["/v1/messages"],
  operation: "chat",
  tools: true,

  readRequest(body): RequestView {
    const request = isObject(body) ? body : {};
    const choice = isObject(request["tool_choice"]) ? request["tool_choice"] : {};
    return viewOf(body, {
      tools: asArray(request["tools"]).flatMap((tool) => {
        const name = isObject(tool) ? asString(tool["name"]) : undefined;
        return name === undefined || !isObject(tool) ? [] : [{ name, parameters: tool["input_schema"] }];
      }),
      toolsForbidden: choice["type"] === "none",
      parallelToolCalls: typeof choice["disable_parallel_tool_use"] === "boolean" ? !choice["disable_parallel_tool_use"] : undefined,
      conversation: conversationOf(request["metadata"]),
    });
  },

  codec: () => createMessagesCodec(),

  readDocument(body) {
    const error = readOpenaiError(body);
    if (error) return [error];
    if (!isObject(body)) return [];
    const deltas: Delta[] = [];
    readMeta(body, deltas);
    let tool = 0;
    for (const block of asArray(body["content"])) {
      if (!isObject(block)) continue;
      const text = asString(block["text"]);
      const thinking = asString(block["thinking"]);
      if (block["type"] === "text" && text) deltas.push({ kind: "text", choice: 0, text });
      if (block["type"] === "thinking" && thinking) deltas.push({ kind: "reasoning", choice: 0, text: thinking });
      if (block["type"] === "tool_use") {
        readToolBlock(block, tool, deltas, true);
        deltas.push({ kind: "tool-close", choice: 0, tool });
        tool += 1;
      }
    }
    const reason = asString(body["stop_reason"]);
    if (reason !== undefined) deltas.push({ kind: "finish", choice: 0, reason });
    readUsage(body["usage"], deltas, true);
    return deltas;
  },

  writeDocument: (body, deltas) => (isObject(body) && Array.isArray(body["content"]) ? writeMessageBody(body, deltas) : body),
  errorFrame,
  errorBody: (_status, message, type) => ({ type: "error", error: { type, message } }),
};

/** Anthropic's SDKs throw on `event: error`, whatever is in it; the body has the documented form. */
function errorFrame(message: string, type: string): Frame {
  return makeFrame(JSON.stringify({ type: "error", error: { type, message } }), "error");
}

/** `metadata.user_id`: Claude Code packs the session into it, as `…_session_<uuid>` or as JSON with `session_id`. */
function conversationOf(metadata: unknown): string | undefined {
  const user = isObject(metadata) ? asString(metadata["user_id"]) : undefined;
  if (user === undefined) return undefined;
  const packed = user.startsWith("{") ? parseOrUndefined(user) : undefined;
  if (isObject(packed)) return asString(packed["session_id"]);
  const at = user.lastIndexOf("_session_");
  return at < 0 ? undefined : user.slice(at + "_session_".length);
}

function createMessagesCodec(): StreamCodec {
  /** Calls by block index, and those whose block is still open. */
  const tools = new Map<number, number>();
  const open = new Set<number>();
  let opened = 0;
  const writer = createBlockWriter();
  let lastRead: readonly Delta[] = [];

  function readEvent(payload: JsonObject, deltas: Delta[]): void {
    const index = asNumber(payload["index"]) ?? 0;
    switch (payload["type"]) {
      case "message_start": {
        const message = isObject(payload["message"]) ? payload["message"] : {};
        readMeta(message, deltas);
        // `output_tokens` is 0 here and counted in `message_delta`.
        readUsage(message["usage"], deltas, false);
        break;
      }
      case "content_block_start": {
        const block = isObject(payload["content_block"]) ? payload["content_block"] : {};
        if (block["type"] === "tool_use") {
          tools.set(index, opened);
          open.add(opened);
          readToolBlock(block, opened, deltas, false);
          opened += 1;
        } else {
          readSaid(block, deltas);
        }
        break;
      }
      case "content_block_delta": {
        const delta = isObject(payload["delta"]) ? payload["delta"] : {};
        const json = asString(delta["partial_json"]);
        const tool = tools.get(index);
        if (json && tool !== undefined) deltas.push({ kind: "tool-args", choice: 0, tool, text: json });
        readSaid(delta, deltas);
        break;
      }
      case "content_block_stop": {
        const tool = tools.get(index);
        if (tool !== undefined && open.delete(tool)) deltas.push({ kind: "tool-close", choice: 0, tool });
        break;
      }
      case "message_delta": {
        const delta = isObject(payload["delta"]) ? payload["delta"] : {};
        const reason = asString(delta["stop_reason"]);
        if (reason !== undefined) {
          for (const tool of open) deltas.push({ kind: "tool-close", choice: 0, tool });
          open.clear();
          deltas.push({ kind: "finish", choice: 0, reason });
        }
        readUsage(payload["usage"], deltas, true);
        break;
      }
      case "message_stop":
        deltas.push({ kind: "done" });
        break;
      default:
        break;
    }
  }

  return {
    dirty: () => writer.dirty(),
    read({ frame, payload }) {
      const deltas: Delta[] = [];
      lastRead = deltas;
      if (!isObject(payload)) return deltas;
      writer.see(payload);
      // llama-server sends the bare error object under the event's name, Anthropic wraps it.
      const error = readOpenaiError(payload) ?? (frame.event === "error" ? readOpenaiError({ error: payload }) : undefined);
      if (error) deltas.push(error);
      else readEvent(payload, deltas);
      return deltas;
    },
    write: (like, deltas) => writer.write(like, deltas, deltas === lastRead),
    append: (_like, deltas) => [
      ...writer.append(deltas),
      ...deltas.flatMap((delta) => (delta.kind === "error" ? [errorFrame(delta.message, delta.type ?? "api_error")] : [])),
    ],
  };
}

function readMeta(message: JsonObject, deltas: Delta[]): void {
  const id = asString(message["id"]);
  const model = asString(message["model"]);
  if (id === undefined && model === undefined) return;
  deltas.push({ kind: "meta", ...(id === undefined ? {} : { id }), ...(model === undefined ? {} : { model }) });
}

function readSaid(said: JsonObject, deltas: Delta[]): void {
  const thinking = asString(said["thinking"]);
  if (thinking) deltas.push({ kind: "reasoning", choice: 0, text: thinking });
  const text = asString(said["text"]);
  if (text) deltas.push({ kind: "text", choice: 0, text });
}

/** `whole`: an empty `input` is the call's arguments; at the start of a streamed block it only means "to come". */
function readToolBlock(block: JsonObject, tool: number, deltas: Delta[], whole: boolean): void {
  deltas.push({ kind: "tool-open", choice: 0, tool, id: asString(block["id"]) ?? "", name: asString(block["name"]) ?? "" });
  const input = block["input"];
  const text = typeof input === "string" ? input : isObject(input) ? JSON.stringify(input) : "";
  if (text !== "" && (whole || text !== "{}")) deltas.push({ kind: "tool-args", choice: 0, tool, text });
}

function readUsage(usage: unknown, deltas: Delta[], output: boolean): void {
  if (!isObject(usage)) return;
  const fresh = asNumber(usage["input_tokens"]);
  const cached = asNumber(usage["cache_read_input_tokens"]);
  const written = asNumber(usage["cache_creation_input_tokens"]);
  const counts: Usage = usageOf({
    promptTokens: fresh === undefined ? undefined : fresh + (cached ?? 0) + (written ?? 0),
    completionTokens: output ? asNumber(usage["output_tokens"]) : undefined,
    cachedTokens: cached,
    reasoningTokens: undefined,
  });
  if (Object.keys(counts).length > 0) deltas.push({ kind: "usage", usage: counts });
}
