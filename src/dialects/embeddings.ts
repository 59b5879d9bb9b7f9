import type { Delta } from "../core/delta.ts";
import { asArray, asNumber, isObject } from "../wire/json.ts";
import type { Dialect } from "./dialect.ts";
import { createPlainCodec, openaiErrorBody, openaiErrorFrame, readOpenaiError, readOpenaiMeta, readOpenaiUsage, viewOf } from "./openai.ts";

/** OpenAI's form: `usage` beside `data`. `model` echoes the request's. */
export const openaiEmbeddings = vectorDialect("openai.embeddings", "embeddings", ["/v1/embeddings"]);

/** The native form: an array of `{index, embedding}` without usage (older builds add `tokens_evaluated` to each). */
export const llamaEmbedding = vectorDialect("llamacpp.embedding", "embeddings", ["/embedding", "/embeddings"]);

/** An API that answers with numbers: only errors, the model's name and token counts are read, nothing is written. */
export function vectorDialect(name: string, operation: "embeddings" | "rerank", routes: readonly string[]): Dialect {
  return {
    name,
    routes,
    operation,
    tools: false,
    readRequest: (body) => viewOf(body, { stream: false }),
    codec: () => createPlainCodec(readVectors),
    readDocument: readVectors,
    writeDocument: (body) => body,
    errorFrame: openaiErrorFrame,
    errorBody: openaiErrorBody,
  };
}

function readVectors(body: unknown): readonly Delta[] {
  const error = readOpenaiError(body);
  if (error) return [error];
  if (Array.isArray(body)) return readItemCounts(body);
  if (!isObject(body)) return [];
  const deltas: Delta[] = [];
  const meta = readOpenaiMeta(body);
  if (meta) deltas.push(meta);
  const usage = readOpenaiUsage(body["usage"]);
  if (usage) deltas.push({ kind: "usage", usage });
  return deltas;
}

/** A sum only when every item says its own count. */
function readItemCounts(items: readonly unknown[]): readonly Delta[] {
  const counts = asArray(items).map((item) => (isObject(item) ? asNumber(item["tokens_evaluated"]) : undefined));
  const known = counts.filter((count) => count !== undefined);
  if (known.length === 0 || known.length < counts.length) return [];
  return [{ kind: "usage", usage: { promptTokens: known.reduce((sum, count) => sum + count, 0) } }];
}
