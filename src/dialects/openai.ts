/** What the OpenAI-shaped APIs of llama-server have in common. */
import type { Delta, RequestView, Timings, Tool, Usage } from "../core/delta.ts";
import { makeFrame, type Frame } from "../wire/frame.ts";
import { asArray, asNumber, asString, isObject, type JsonObject } from "../wire/json.ts";
import type { Message, StreamCodec } from "./dialect.ts";

/** `{"error":{code,message,type}}`, the shape of every error of llama-server, Messages included. */
export function openaiErrorBody(status: number, message: string, type: string): unknown {
  return { error: { code: status, message, type } };
}

export function openaiErrorFrame(message: string, type: string): Frame {
  return makeFrame(JSON.stringify({ error: { code: 500, message, type } }));
}

export function readOpenaiError(body: unknown): Extract<Delta, { kind: "error" }> | undefined {
  if (!isObject(body)) return undefined;
  const error = body["error"];
  if (typeof error === "string") return { kind: "error", message: error, type: undefined };
  if (!isObject(error)) return undefined;
  return { kind: "error", message: asString(error["message"]) ?? JSON.stringify(error), type: asString(error["type"]) };
}

export function readOpenaiMeta(body: JsonObject): Meta | undefined {
  const id = asString(body["id"]);
  const model = asString(body["model"]);
  const fingerprint = asString(body["system_fingerprint"]);
  if (id === undefined && model === undefined && fingerprint === undefined) return undefined;
  // Every chunk of every stream comes here: no spreads.
  const meta: { kind: "meta"; id?: string; model?: string; fingerprint?: string } = { kind: "meta" };
  if (id !== undefined) meta.id = id;
  if (model !== undefined) meta.model = model;
  if (fingerprint !== undefined) meta.fingerprint = fingerprint;
  return meta;
}

type Meta = Extract<Delta, { kind: "meta" }>;

/** The facts that were not said before: chunks repeat id and model in every frame. */
export function createMetaFilter(): (meta: Meta | undefined) => Meta | undefined {
  let known: Meta = { kind: "meta" };
  return (meta) => {
    if (!meta) return undefined;
    for (const key in meta) {
      if (meta[key as keyof Meta] === known[key as keyof Meta]) continue;
      known = { ...known, ...meta };
      return meta;
    }
    return undefined;
  };
}

/** Codec of an API whose replies are never event streams, or are relayed as they are but for errors in them. */
export function createPlainCodec(read: (payload: unknown) => readonly Delta[]): StreamCodec {
  return {
    dirty: () => false,
    read: ({ payload }) => (payload === undefined ? [] : read(payload)),
    write: (like) => [sameFrame(like)],
    append: () => [],
  };
}

/** The message as a frame of our own: its payload as it stands now, its event name. */
export function sameFrame({ frame, payload }: Message): Frame {
  return payload === undefined ? frame : makeFrame(JSON.stringify(payload), frame.event);
}

/** `usage` of chat and text completions, embeddings and rerank. */
export function readOpenaiUsage(usage: unknown): Usage | undefined {
  if (!isObject(usage)) return undefined;
  const promptDetails = isObject(usage["prompt_tokens_details"]) ? usage["prompt_tokens_details"] : {};
  const completionDetails = isObject(usage["completion_tokens_details"]) ? usage["completion_tokens_details"] : {};
  return usageOf({
    promptTokens: asNumber(usage["prompt_tokens"]),
    completionTokens: asNumber(usage["completion_tokens"]),
    cachedTokens: asNumber(promptDetails["cached_tokens"]),
    reasoningTokens: asNumber(completionDetails["reasoning_tokens"]),
  });
}

/** Only the counts that are there. */
export function usageOf(counts: { [K in keyof Usage]: number | undefined }): Usage {
  return Object.fromEntries(Object.entries(counts).filter(([, value]) => value !== undefined));
}

/** llama-server's `timings` (server_slot_stats::to_json). */
export function readTimings(timings: unknown): Timings | undefined {
  if (!isObject(timings)) return undefined;
  const facts = {
    cacheN: asNumber(timings["cache_n"]),
    promptN: asNumber(timings["prompt_n"]),
    promptMs: asNumber(timings["prompt_ms"]),
    predictedN: asNumber(timings["predicted_n"]),
    predictedMs: asNumber(timings["predicted_ms"]),
    draftN: asNumber(timings["draft_n"]),
    draftNAccepted: asNumber(timings["draft_n_accepted"]),
  };
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}

/** What every API's request says in the same words; `more` is what else this one can say. */
export function viewOf(body: unknown, more: Partial<RequestView> = {}): RequestView {
  const request = isObject(body) ? body : {};
  return {
    model: asString(request["model"]),
    stream: request["stream"] === true,
    tools: [],
    toolsForbidden: false,
    parallelToolCalls: undefined,
    conversation: undefined,
    body,
    ...more,
  };
}

/** What a request of OpenAI's chat and Responses APIs says of tools. */
export function readOpenaiToolUse(request: JsonObject): Pick<RequestView, "tools" | "toolsForbidden" | "parallelToolCalls"> {
  const parallel = request["parallel_tool_calls"];
  return {
    tools: readOpenaiTools(request["tools"]),
    toolsForbidden: request["tool_choice"] === "none",
    parallelToolCalls: typeof parallel === "boolean" ? parallel : undefined,
  };
}

/** `tools` of a chat request: `{type:"function",function:{name,parameters}}`; also the flat form of Responses. */
function readOpenaiTools(tools: unknown): readonly Tool[] {
  return asArray(tools).flatMap((tool) => {
    if (!isObject(tool)) return [];
    const fn = isObject(tool["function"]) ? tool["function"] : tool;
    const name = asString(fn["name"]);
    return name === undefined ? [] : [{ name, parameters: fn["parameters"] }];
  });
}
