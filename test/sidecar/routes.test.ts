import { expect, test } from "vitest";
import { routeOf } from "../../src/sidecar/routes.ts";

test.each([
  ["POST", "/v1/chat/completions", "/v1/chat/completions", "openai.chat_completions"],
  ["POST", "/chat/completions?x=1", "/chat/completions", "openai.chat_completions"],
  ["POST", "/v1/messages?beta=true", "/v1/messages", "anthropic.messages"],
  ["POST", "/v1/messages/count_tokens", "/v1/messages/count_tokens", undefined],
  ["POST", "/v1/completions", "/v1/completions", "openai.completions"],
  ["POST", "/v1/responses", "/v1/responses", "openai.responses"],
  ["POST", "/completion", "/completion", "llamacpp.completion"],
  ["POST", "/completions", "/completions", "llamacpp.completion"],
  ["POST", "/infill", "/infill", "llamacpp.infill"],
  ["POST", "/v1/embeddings", "/v1/embeddings", "openai.embeddings"],
  ["POST", "/embedding", "/embedding", "llamacpp.embedding"],
  ["POST", "/embeddings", "/embeddings", "llamacpp.embedding"],
  ["POST", "/rerank", "/rerank", "llamacpp.rerank"],
  ["POST", "/v1/rerank", "/v1/rerank", "llamacpp.rerank"],
  ["GET", "/v1/chat/completions", "/v1/chat/completions", undefined],
  ["POST", "/v1/chat/completions/", "*", undefined],
  ["GET", "/models/sse", "/models/sse", undefined],
  ["POST", "/slots/3?action=save", "/slots/:id", undefined],
  ["GET", "/slots/abc", "*", undefined],
  ["GET", "http://host/v1/models", "*", undefined],
  ["GET", "/some/secret/path", "*", undefined],
])("%s %s is %s, dialect %s", (method, target, template, dialect) => {
  const route = routeOf(method, target);
  expect(route.template).toBe(template);
  expect(route.dialect?.name).toBe(dialect);
});
