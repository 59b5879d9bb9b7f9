import { anthropicMessages } from "./anthropic-messages.ts";
import type { Dialect } from "./dialect.ts";
import { llamaEmbedding, openaiEmbeddings } from "./embeddings.ts";
import { llamaCompletion } from "./llama-completion.ts";
import { llamaInfill } from "./llama-infill.ts";
import { openaiChat } from "./openai-chat.ts";
import { openaiCompletions } from "./openai-completions.ts";
import { openaiResponses } from "./openai-responses.ts";
import { rerank } from "./rerank.ts";

/** Every API that is understood, one line each. */
export const DIALECTS: readonly Dialect[] = [
  openaiChat,
  openaiCompletions,
  openaiResponses,
  anthropicMessages,
  llamaCompletion,
  llamaInfill,
  openaiEmbeddings,
  llamaEmbedding,
  rerank,
];

const BY_PATH: ReadonlyMap<string, Dialect> = new Map(
  DIALECTS.flatMap((dialect) => dialect.routes.map((path): [string, Dialect] => [path, dialect])),
);

/**
 * The API of a request, undefined for pass-through. `path` without the query string, compared
 * exactly, as llama-server's router does: a trailing slash is another path (and a 404 there).
 */
export function dialectFor(method: string, path: string): Dialect | undefined {
  return method === "POST" ? BY_PATH.get(path) : undefined;
}
