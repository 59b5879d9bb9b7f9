import type { Delta, RequestView, ToolOpen } from "../core/delta.ts";
import { asArray, asNumber, asString, isObject, type JsonObject } from "../wire/json.ts";
import type { Dialect, StreamCodec } from "./dialect.ts";
import { writeChatChoice, writeChatChunks } from "./openai-chat-write.ts";
import {
  createMetaFilter,
  openaiErrorBody,
  openaiErrorFrame,
  readOpenaiError,
  readOpenaiMeta,
  readOpenaiToolUse,
  readOpenaiUsage,
  readTimings,
  sameFrame,
  viewOf,
} from "./openai.ts";

/** Chat completions: `data: {json}` frames, `data: [DONE]` at the end, errors as `data: {"error":…}` without it. */
export const openaiChat: Dialect = {
  name: "openai.chat_completions",
  routes: ["/v1/chat/completions", "/chat/completions"],
  operation: "chat",
  tools: true,

  readRequest(body): RequestView {
    const request = isObject(body) ? body : {};
    return viewOf(body, { ...readOpenaiToolUse(request), conversation: asString(request["prompt_cache_key"]) });
  },

  codec: () => createChatCodec(),

  readDocument(body) {
    const error = readOpenaiError(body);
    if (error) return [error];
    if (!isObject(body)) return [];
    const deltas: Delta[] = [];
    const meta = readOpenaiMeta(body);
    if (meta) deltas.push(meta);
    for (const choice of asArray(body["choices"])) {
      if (!isObject(choice)) continue;
      const index = asNumber(choice["index"]) ?? 0;
      const message = isObject(choice["message"]) ? choice["message"] : {};
      readSaid(message, index, deltas);
      asArray(message["tool_calls"]).forEach((call, tool) => {
        if (!isObject(call)) return;
        deltas.push(openOf(call, index, tool));
        const text = argumentsOf(call);
        if (text !== "") deltas.push({ kind: "tool-args", choice: index, tool, text });
        deltas.push({ kind: "tool-close", choice: index, tool });
      });
      const reason = asString(choice["finish_reason"]);
      if (reason !== undefined) deltas.push({ kind: "finish", choice: index, reason });
    }
    readTail(body, deltas);
    return deltas;
  },

  writeDocument(body, deltas) {
    if (!isObject(body) || !Array.isArray(body["choices"])) return body;
    const choices = asArray(body["choices"]).map((choice) => {
      if (!isObject(choice)) return choice;
      const index = asNumber(choice["index"]) ?? 0;
      return writeChatChoice(
        choice,
        deltas.filter((delta) => "choice" in delta && delta.choice === index),
      );
    });
    return { ...body, choices };
  },

  errorFrame: openaiErrorFrame,
  errorBody: openaiErrorBody,
};

function createChatCodec(): StreamCodec {
  /** Calls opened and not closed, by choice: chat never says that a call is over before the finish. */
  const open = new Map<number, Set<number>>();
  const news = createMetaFilter();
  /** The last chunk that held choices: what frames of our own take id and model from. */
  let spoken: JsonObject | undefined;
  let lastRead: readonly Delta[] = [];

  return {
    dirty: () => false,
    read({ frame, payload }) {
      const deltas: Delta[] = [];
      lastRead = deltas;
      if (payload === undefined && frame.data === "[DONE]") deltas.push({ kind: "done" });
      if (!isObject(payload)) return deltas;
      const error = readOpenaiError(payload);
      if (error) {
        deltas.push(error);
        return deltas;
      }
      const choices = asArray(payload["choices"]);
      if (choices.length > 0) spoken = payload;
      const meta = news(readOpenaiMeta(payload));
      if (meta) deltas.push(meta);
      for (const choice of choices) {
        if (isObject(choice)) readChoice(choice, deltas, open);
      }
      readTail(payload, deltas);
      return deltas;
    },
    write: (like, deltas) => (deltas === lastRead ? [sameFrame(like)] : writeChatChunks(like.payload, identityOf(spoken), deltas)),
    append: (_like, deltas) => writeChatChunks(undefined, identityOf(spoken), deltas),
  };
}

/** What every chunk of one reply repeats, without anything that was said once. */
function identityOf(chunk: JsonObject | undefined): JsonObject {
  const identity: JsonObject = {};
  for (const key of ["id", "object", "created", "model", "system_fingerprint"]) {
    if (chunk && key in chunk) identity[key] = chunk[key];
  }
  return identity;
}

function readChoice(choice: JsonObject, deltas: Delta[], open: Map<number, Set<number>>): void {
  const index = asNumber(choice["index"]) ?? 0;
  const delta = isObject(choice["delta"]) ? choice["delta"] : {};
  readSaid(delta, index, deltas);
  for (const call of asArray(delta["tool_calls"])) {
    if (!isObject(call)) continue;
    let tools = open.get(index);
    if (!tools) open.set(index, (tools = new Set()));
    const tool = asNumber(call["index"]) ?? Math.max(0, tools.size - 1);
    if (!tools.has(tool)) {
      tools.add(tool);
      deltas.push(openOf(call, index, tool));
    }
    const text = argumentsOf(call);
    if (text !== "") deltas.push({ kind: "tool-args", choice: index, tool, text });
  }
  const reason = asString(choice["finish_reason"]);
  if (reason !== undefined) {
    for (const tool of open.get(index) ?? []) deltas.push({ kind: "tool-close", choice: index, tool });
    open.delete(index);
    deltas.push({ kind: "finish", choice: index, reason });
  }
}

/** Reasoning first: that is the order in which they are generated when one frame holds both. */
function readSaid(said: JsonObject, choice: number, deltas: Delta[]): void {
  const reasoning = asString(said["reasoning_content"]) ?? asString(said["reasoning"]);
  if (reasoning) deltas.push({ kind: "reasoning", choice, text: reasoning });
  const text = asString(said["content"]);
  if (text) deltas.push({ kind: "text", choice, text });
}

function openOf(call: JsonObject, choice: number, tool: number): ToolOpen {
  const fn = isObject(call["function"]) ? call["function"] : {};
  return { kind: "tool-open", choice, tool, id: asString(call["id"]) ?? "", name: asString(fn["name"]) ?? "" };
}

function argumentsOf(call: JsonObject): string {
  const fn = isObject(call["function"]) ? call["function"] : {};
  return asString(fn["arguments"]) ?? "";
}

function readTail(body: JsonObject, deltas: Delta[]): void {
  const usage = readOpenaiUsage(body["usage"]);
  if (usage) deltas.push({ kind: "usage", usage });
  const timings = readTimings(body["timings"]);
  if (timings) deltas.push({ kind: "timings", timings });
}
