/** Writing chat deltas back, as chunks of a stream and as the choice of a whole body. */
import type { Delta, ToolOpen } from "../core/delta.ts";
import { makeFrame, type Frame } from "../wire/frame.ts";
import { asArray, asNumber, asString, isObject, type JsonObject } from "../wire/json.ts";
import { openaiErrorFrame } from "./openai.ts";

const ENVELOPE: ReadonlySet<string> = new Set(["id", "object", "created", "model", "system_fingerprint", "choices"]);

/** Deltas that one chunk's `delta` object can hold together. */
interface Said {
  readonly choice: number;
  text: string;
  reasoning: string;
  readonly calls: { index: number; id?: string; type?: string; function: { name?: string; arguments: string } }[];
  finish: string | undefined;
}

/**
 * The chunk `payload` with `deltas` in place of what it said, and chunks with `identity` for what does
 * not fit into it: behind it, or before it when it ends its choice, so that a finish stays last and
 * `usage` and `timings` stay beside it. No chunk for a payload that has nothing left to say.
 */
export function writeChatChunks(payload: unknown, identity: JsonObject, deltas: readonly Delta[]): Frame[] {
  const like = isObject(payload) ? payload : undefined;
  const said = groupByChunk(deltas);
  const before: Said[] = [];
  let own: JsonObject | undefined;
  if (like && Array.isArray(like["choices"])) {
    const choices = like["choices"].map((choice) => {
      if (!isObject(choice)) return choice;
      const index = asNumber(choice["index"]) ?? 0;
      const mine = said.filter((entry) => entry.choice === index);
      const place = asString(choice["finish_reason"]) === undefined ? mine[0] : mine.at(-1);
      for (const entry of mine) {
        const early = entry !== place && place === mine.at(-1);
        if (early) before.push(entry);
        if (early || entry === place) said.splice(said.indexOf(entry), 1);
      }
      return fill(choice, place);
    });
    const hollow = choices.length > 0 && choices.every(isHollow) && Object.keys(like).every((key) => ENVELOPE.has(key));
    own = hollow ? undefined : { ...like, choices };
  } else {
    own = like;
  }
  const chunk = (entry: Said): JsonObject => ({
    ...identity,
    choices: [fill({ index: entry.choice, delta: {}, finish_reason: null }, entry)],
  });
  const chunks = [...before.map(chunk), ...(own ? [own] : []), ...said.map(chunk)].map((body) => makeFrame(JSON.stringify(body)));
  if (payload !== undefined) return chunks;
  for (const delta of deltas) {
    if (delta.kind === "error") chunks.push(openaiErrorFrame(delta.message, delta.type ?? "server_error"));
    else if (delta.kind === "done") chunks.push(makeFrame("[DONE]"));
  }
  return chunks;
}

/** Cuts the deltas into groups that fit one chunk each, in order: reasoning, text, calls, and a finish last. */
function groupByChunk(deltas: readonly Delta[]): Said[] {
  const groups: Said[] = [];
  const current = new Map<number, Said>();
  function of(choice: number, fits: (said: Said) => boolean): Said {
    let said = current.get(choice);
    if (!said || said.finish !== undefined || !fits(said)) {
      said = { choice, text: "", reasoning: "", calls: [], finish: undefined };
      groups.push(said);
      current.set(choice, said);
    }
    return said;
  }
  for (const delta of deltas) {
    switch (delta.kind) {
      case "text":
        of(delta.choice, (said) => said.calls.length === 0).text += delta.text;
        break;
      case "reasoning":
        of(delta.choice, (said) => said.calls.length === 0 && said.text === "").reasoning += delta.text;
        break;
      case "tool-open": {
        const { calls } = of(delta.choice, () => true);
        calls.push({ index: delta.tool, id: delta.id, type: "function", function: { name: delta.name, arguments: "" } });
        break;
      }
      case "tool-args": {
        const { calls } = of(delta.choice, () => true);
        const last = calls.at(-1);
        if (last?.index === delta.tool) last.function.arguments += delta.text;
        else calls.push({ index: delta.tool, function: { arguments: delta.text } });
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

/** The choice with what `said` says and nothing of what it said itself; `role`, logprobs and unknown members stay. */
function fill(choice: JsonObject, said: Said | undefined): JsonObject {
  const {
    content,
    reasoning_content: thought,
    reasoning,
    tool_calls: calls,
    ...rest
  } = isObject(choice["delta"]) ? choice["delta"] : ({} as JsonObject);
  const delta: JsonObject = { ...rest };
  // An empty or null `content` beside a role is part of the envelope, not something said.
  if (content === null || content === "") delta["content"] = content;
  if (said?.reasoning) delta[reasoning !== undefined && thought === undefined ? "reasoning" : "reasoning_content"] = said.reasoning;
  if (said?.text) delta["content"] = said.text;
  if (said && said.calls.length > 0) delta["tool_calls"] = said.calls.map((call) => ({ ...call, ...unknownMembers(calls, call.index) }));
  return { ...choice, delta, finish_reason: said?.finish ?? null };
}

/** What an entry of the chunk's own `tool_calls` holds beside the members that deltas speak of (thought signatures …). */
function unknownMembers(calls: unknown, index: number): JsonObject {
  const own = asArray(calls).find((call) => isObject(call) && call["index"] === index);
  if (!isObject(own)) return {};
  const { index: _index, id: _id, type: _type, function: _function, ...unknown } = own;
  return unknown;
}

function isHollow(choice: unknown): boolean {
  if (!isObject(choice)) return false;
  const delta = isObject(choice["delta"]) ? choice["delta"] : {};
  return Object.keys(delta).length === 0 && choice["finish_reason"] === null && (choice["logprobs"] ?? null) === null;
}

/** A whole choice with what `deltas` say. Members that no delta speaks of stay. */
export function writeChatChoice(choice: JsonObject, deltas: readonly Delta[]): JsonObject {
  const message: JsonObject = isObject(choice["message"]) ? { ...choice["message"] } : {};
  const original = asArray(message["tool_calls"]).filter(isObject);
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
      const base = original.find((call) => open.id !== "" && call["id"] === open.id) ?? (open.id === "" ? original[tool] : undefined);
      const fn = isObject(base?.["function"]) ? base["function"] : {};
      return { ...(base ?? { type: "function" }), id: open.id, function: { ...fn, name: open.name, arguments: args } };
    });
  } else if (original.length > 0) {
    delete message["tool_calls"];
  }
  return { ...choice, message, finish_reason: finish };
}
