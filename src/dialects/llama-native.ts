/** llama-server's own API: `/completion` and `/infill` answer in one form. */
import type { Delta } from "../core/delta.ts";
import { asNumber, asString, isObject, type JsonObject } from "../wire/json.ts";
import type { Dialect } from "./dialect.ts";
import { createPlainCodec, openaiErrorBody, openaiErrorFrame, readOpenaiError, readTimings, usageOf, viewOf } from "./openai.ts";

/** Text in, text out: no tool calls, nothing to write back. */
export function nativeDialect(name: string, routes: readonly string[]): Dialect {
  return {
    name,
    routes,
    operation: "text_completion",
    tools: false,
    readRequest: (body) => viewOf(body),
    codec: () => createPlainCodec(readNative),
    readDocument: (body) => (Array.isArray(body) ? body.flatMap(readNative) : readNative(body)),
    writeDocument: (body) => body,
    errorFrame: openaiErrorFrame,
    errorBody: openaiErrorBody,
  };
}

/** One result: a token of a stream, or (`"stop": true`) the last frame and the whole answer. */
function readNative(body: unknown): readonly Delta[] {
  const error = readOpenaiError(body);
  if (error) return [error];
  if (!isObject(body)) return [];
  const deltas: Delta[] = [];
  const choice = asNumber(body["index"]) ?? 0;
  const text = asString(body["content"]);
  if (text) deltas.push({ kind: "text", choice, text });
  const timings = readTimings(body["timings"]);
  if (body["stop"] === true) readEnd(body, choice, deltas);
  if (timings) deltas.push({ kind: "timings", timings });
  if (body["stop"] === true) deltas.push({ kind: "done" });
  return deltas;
}

function readEnd(body: JsonObject, choice: number, deltas: Delta[]): void {
  const model = asString(body["model"]);
  const stopType = asString(body["stop_type"]);
  const slot = asNumber(body["id_slot"]);
  deltas.push({
    kind: "meta",
    ...(model === undefined ? {} : { model }),
    ...(stopType === undefined ? {} : { stopType }),
    // -1 in the frames before the end: not known there.
    ...(slot === undefined || slot < 0 ? {} : { slot }),
  });
  if (stopType !== undefined) deltas.push({ kind: "finish", choice, reason: stopType });
  const timings = readTimings(body["timings"]);
  // `tokens_cached` is what the slot holds at the end, prompt and answer; how much of the prompt came
  // from the cache is `timings.cache_n` (seen: 28 evaluated, 18 predicted, tokens_cached 45, cache_n 0).
  const usage = usageOf({
    promptTokens: asNumber(body["tokens_evaluated"]),
    completionTokens: asNumber(body["tokens_predicted"]),
    cachedTokens: timings?.cacheN,
    reasoningTokens: undefined,
  });
  if (Object.keys(usage).length > 0) deltas.push({ kind: "usage", usage });
}
