import { vectorDialect } from "./embeddings.ts";

/** Scores of documents against a query; `usage.prompt_tokens` as in embeddings. */
export const rerank = vectorDialect("llamacpp.rerank", "rerank", ["/rerank", "/reranking", "/v1/rerank", "/v1/reranking"]);
