import type { Delta, RequestView, ToolOpen } from "../core/delta.ts";
import { makeFrame, type Frame } from "../wire/frame.ts";
import { asArray, asNumber, asString, isObject, type JsonObject } from "../wire/json.ts";
import type { Dialect, Message, StreamCodec } from "./dialect.ts";
import { openaiErrorBody, readOpenaiError, readOpenaiMeta, readOpenaiUsage, readTimings, readOpenaiTools } from "./openai.ts";

/** Chat completions: `data: {json}` frames, `data: [DONE]` at the end, errors as `data: {"error":…}` without it. */
export const openaiChat: Dialect = {
  name: "openai.chat_completions",
  routes: ["/v1/chat/completions", "/chat/completions"],
  operation: "chat",
  tools: true,

  readRequest(body): RequestView {
    const request = isObject(body) ? body : {};
    return {
      model: asString(request["model"]),
      stream: request["stream"] === true,
      tools: readOpenaiTools(request["tools"]),
      toolsForbidden: request["tool_choice"] === "none",
      parallelToolCalls: typeof request["parallel_tool_calls"] === "boolean" ? request["parallel_tool_calls"] : undefined,
      conversation: asString(request["prompt_cache_key"]),
      body,
    };
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
    if (!isObject(body)) return body;
    const choices = asArray(body["choices"]).map((choice) => {
      if (!isObject(choice)) return choice;
      const index = asNumber(choice["index"]) ?? 0;
      return writeChoice(
        choice,
        deltas.filter((delta) => "choice" in delta && delta.choice === index),
      );
    });
    return { ...body, choices };
  },

  errorFrame: (message, type) => makeFrame(JSON.stringify({ error: { code: 500, message, type } })),
  errorBody: openaiErrorBody,
};

function createChatCodec(): StreamCodec {
  /** Calls opened and not closed, by choice: chat never says that a call is over before the finish. */
  const open = new Map<number, Set<number>>();

  return {
    dirty: false,
    read({ frame, payload }) {
      if (payload === undefined) return frame.data === "[DONE]" ? [{ kind: "done" }] : [];
      if (!isObject(payload)) return [];
      const error = readOpenaiError(payload);
      if (error) return [error];
      const deltas: Delta[] = [];
      const meta = readOpenaiMeta(payload);
      if (meta) deltas.push(meta);
      for (const choice of asArray(payload["choices"])) {
        if (isObject(choice)) readChoice(choice, deltas, open);
      }
      readTail(payload, deltas);
      return deltas;
    },
    write: (like, deltas) => writeMessage(like, deltas),
    append: (like, deltas) => writeMessage(like && { frame: like.frame, payload: identityOf(like.payload) }, deltas),
  };
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

/** What every chunk of one reply repeats, without anything that was said once. */
function identityOf(payload: unknown): JsonObject {
  const from = isObject(payload) ? payload : {};
  const identity: JsonObject = {};
  for (const key of ["id", "object", "created", "model", "system_fingerprint"]) {
    if (key in from) identity[key] = from[key];
  }
  return identity;
}

/** Deltas that one chunk's `delta` object can hold together. */
interface Said {
  choice: number;
  fields: JsonObject;
  calls: JsonObject[];
  finish: string | undefined;
}

function writeMessage(like: Message | undefined, deltas: readonly Delta[]): Frame[] {
  const payload = isObject(like?.payload) ? like.payload : {};
  const original = asArray(payload["choices"]).filter(isObject);
  const said = group(deltas);
  const frames: Frame[] = [];

  // The first group of each choice takes the place of what the message said for that choice.
  const choices: JsonObject[] = [];
  const placed = new Set<Said>();
  for (const choice of original) {
    const index = asNumber(choice["index"]) ?? 0;
    const own = said.find((entry) => entry.choice === index && !placed.has(entry));
    const rest = withoutSaid(choice);
    if (own) placed.add(own);
    choices.push(fill(rest, own));
  }
  const later = said.filter((entry) => !placed.has(entry));
  // A finish of the message must stay behind what was split off into later frames.
  const emptied = choices.every((choice) => isBare(choice));
  const nothingElse = Object.keys(payload).every((key) => ENVELOPE.has(key) || key === "choices");
  const hasOwn = original.length > 0 || Object.keys(payload).length > 0;
  if (hasOwn && !(emptied && nothingElse && original.length > 0)) frames.push(makeFrame(JSON.stringify({ ...payload, choices })));
  const identity = identityOf(payload);
  for (const entry of later) {
    const choice: JsonObject = { index: entry.choice, delta: {}, finish_reason: null };
    frames.push(makeFrame(JSON.stringify({ ...identity, choices: [fill(choice, entry)] })));
  }
  if (deltas.some((delta) => delta.kind === "done")) frames.push(makeFrame("[DONE]"));
  return frames;
}

const ENVELOPE: ReadonlySet<string> = new Set(["id", "object", "created", "model", "system_fingerprint"]);

/** Cuts the deltas into groups that fit one chunk each, in order: text before calls, a finish last. */
function group(deltas: readonly Delta[]): Said[] {
  const groups: Said[] = [];
  const current = new Map<number, Said>();
  function of(choice: number, fits: (said: Said) => boolean): Said {
    let said = current.get(choice);
    if (!said || said.finish !== undefined || !fits(said)) {
      said = { choice, fields: {}, calls: [], finish: undefined };
      groups.push(said);
      current.set(choice, said);
    }
    return said;
  }
  for (const delta of deltas) {
    switch (delta.kind) {
      case "text": {
        const said = of(delta.choice, (s) => s.calls.length === 0);
        said.fields["content"] = (asString(said.fields["content"]) ?? "") + delta.text;
        break;
      }
      case "reasoning": {
        const said = of(delta.choice, (s) => s.calls.length === 0 && s.fields["content"] === undefined);
        said.fields["reasoning_content"] = (asString(said.fields["reasoning_content"]) ?? "") + delta.text;
        break;
      }
      case "tool-open": {
        of(delta.choice, () => true).calls.push({
          index: delta.tool,
          id: delta.id,
          type: "function",
          function: { name: delta.name, arguments: "" },
        });
        break;
      }
      case "tool-args": {
        const said = of(delta.choice, () => true);
        const last = said.calls.at(-1);
        if (last && last["index"] === delta.tool && isObject(last["function"])) {
          last["function"]["arguments"] = String(last["function"]["arguments"]) + delta.text;
        } else {
          said.calls.push({ index: delta.tool, function: { arguments: delta.text } });
        }
        break;
      }
      case "finish":
        of(delta.choice, () => true).finish = delta.reason;
        break;
      default:
        break;
    }
  }
  return groups;
}

/** The choice without what deltas speak of; `role` and unknown fields stay. */
function withoutSaid(choice: JsonObject): JsonObject {
  const { content, reasoning_content: _r, reasoning: _s, tool_calls: _t, ...rest } = isObject(choice["delta"]) ? choice["delta"] : {};
  // `content: null` beside a role is part of the envelope, not something said.
  const delta = content === null || content === "" ? { ...rest, content } : rest;
  return { ...choice, delta, finish_reason: null };
}

function fill(choice: JsonObject, said: Said | undefined): JsonObject {
  if (!said) return choice;
  const delta: JsonObject = { ...(isObject(choice["delta"]) ? choice["delta"] : {}), ...said.fields };
  if (said.calls.length > 0) delta["tool_calls"] = said.calls;
  return { ...choice, delta, finish_reason: said.finish ?? null };
}

function isBare(choice: JsonObject): boolean {
  const delta = isObject(choice["delta"]) ? choice["delta"] : {};
  return Object.keys(delta).length === 0 && choice["finish_reason"] === null && (choice["logprobs"] ?? null) === null;
}

/** A whole choice with what `deltas` say. Members of calls that no delta speaks of stay. */
function writeChoice(choice: JsonObject, deltas: readonly Delta[]): JsonObject {
  const message: JsonObject = isObject(choice["message"]) ? { ...choice["message"] } : {};
  const original = asArray(message["tool_calls"]);
  let text = "";
  let reasoning = "";
  let finish = choice["finish_reason"];
  const calls = new Map<number, { open: ToolOpen; text: string }>();
  for (const delta of deltas) {
    if (delta.kind === "text") text += delta.text;
    else if (delta.kind === "reasoning") reasoning += delta.text;
    else if (delta.kind === "tool-open") calls.set(delta.tool, { open: delta, text: "" });
    else if (delta.kind === "tool-args") {
      const call = calls.get(delta.tool);
      if (call) call.text += delta.text;
    } else if (delta.kind === "finish") finish = delta.reason;
  }
  if (text !== (asString(message["content"]) ?? "")) message["content"] = text;
  const reasoningKey = "reasoning" in message && !("reasoning_content" in message) ? "reasoning" : "reasoning_content";
  if (reasoning !== (asString(message[reasoningKey]) ?? "")) message[reasoningKey] = reasoning;
  if (calls.size > 0) {
    message["tool_calls"] = [...calls.entries()].map(([tool, { open, text: args }]) => {
      const like = original[tool];
      const base = isObject(like) ? like : { type: "function" };
      const fn = isObject(base["function"]) ? base["function"] : {};
      return { ...base, id: open.id, function: { ...fn, name: open.name, arguments: args } };
    });
  } else if (original.length > 0) {
    delete message["tool_calls"];
  }
  return { ...choice, message, finish_reason: finish };
}
