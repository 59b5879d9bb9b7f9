import type { Delta } from "../core/delta.ts";
import { asArray, asNumber, asString, isObject } from "../wire/json.ts";
import type { Dialect } from "./dialect.ts";
import {
  createMetaFilter,
  createPlainCodec,
  openaiErrorBody,
  openaiErrorFrame,
  readOpenaiError,
  readOpenaiMeta,
  readOpenaiUsage,
  readTimings,
  viewOf,
} from "./openai.ts";

/**
 * Text completions. Raw text by contract: no fix ever looks into it, so nothing is written back and
 * `write` only spells the message it is given.
 */
export const openaiCompletions: Dialect = {
  name: "openai.completions",
  routes: ["/v1/completions"],
  operation: "text_completion",
  tools: false,

  readRequest: (body) => viewOf(body, { conversation: isObject(body) ? asString(body["prompt_cache_key"]) : undefined }),

  codec() {
    const news = createMetaFilter();
    const codec = createPlainCodec((payload) => readCompletion(payload, news));
    return { ...codec, read: (message) => (message.frame.data === "[DONE]" ? [{ kind: "done" }] : codec.read(message)) };
  },

  readDocument: (body) => readCompletion(body, (meta) => meta),
  writeDocument: (body) => body,
  errorFrame: openaiErrorFrame,
  errorBody: openaiErrorBody,
};

function readCompletion(body: unknown, news: ReturnType<typeof createMetaFilter>): readonly Delta[] {
  const error = readOpenaiError(body);
  if (error) return [error];
  if (!isObject(body)) return [];
  const deltas: Delta[] = [];
  const meta = news(readOpenaiMeta(body));
  if (meta) deltas.push(meta);
  for (const choice of asArray(body["choices"])) {
    if (!isObject(choice)) continue;
    const index = asNumber(choice["index"]) ?? 0;
    const text = asString(choice["text"]);
    if (text) deltas.push({ kind: "text", choice: index, text });
    const reason = asString(choice["finish_reason"]);
    if (reason !== undefined) deltas.push({ kind: "finish", choice: index, reason });
  }
  const usage = readOpenaiUsage(body["usage"]);
  if (usage) deltas.push({ kind: "usage", usage });
  const timings = readTimings(body["timings"]);
  if (timings) deltas.push({ kind: "timings", timings });
  return deltas;
}
