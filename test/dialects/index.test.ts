import { describe, expect, test } from "vitest";
import { DIALECTS, dialectFor } from "../../src/dialects/index.ts";
import { createFrameReader } from "../../src/wire/frame.ts";

describe("dialectFor", () => {
  test.each([
    ["/v1/chat/completions", "openai.chat_completions"],
    ["/chat/completions", "openai.chat_completions"],
    ["/v1/completions", "openai.completions"],
    ["/v1/responses", "openai.responses"],
    ["/responses", "openai.responses"],
    ["/v1/messages", "anthropic.messages"],
    ["/completion", "llamacpp.completion"],
    ["/completions", "llamacpp.completion"],
    ["/infill", "llamacpp.infill"],
    ["/v1/embeddings", "openai.embeddings"],
    ["/embedding", "llamacpp.embedding"],
    ["/embeddings", "llamacpp.embedding"],
    ["/rerank", "llamacpp.rerank"],
    ["/v1/rerank", "llamacpp.rerank"],
    ["/reranking", "llamacpp.rerank"],
    ["/v1/reranking", "llamacpp.rerank"],
  ])("POST %s is %s", (path, name) => {
    expect(dialectFor("POST", path)?.name).toBe(name);
  });

  test.each([
    ["GET", "/v1/chat/completions"],
    ["POST", "/v1/chat/completions/"],
    ["POST", "/v1/messages/count_tokens"],
    ["POST", "/v1/chat/completions/control"],
    ["POST", "/v1/stream"],
    ["POST", "/"],
  ])("%s %s passes through", (method, path) => {
    expect(dialectFor(method, path)).toBeUndefined();
  });

  test("no route has two dialects", () => {
    const routes = DIALECTS.flatMap((dialect) => dialect.routes);
    expect(new Set(routes).size).toBe(routes.length);
  });
});

describe("readRequest", () => {
  test.each(DIALECTS.map((dialect) => [dialect.name, dialect] as const))("%s takes any JSON", (_name, dialect) => {
    for (const body of [null, 1, "x", [], {}, { tools: [null, {}, { name: 1 }], tool_choice: null, metadata: 3 }]) {
      expect(dialect.readRequest(body)).toMatchObject({ tools: [], stream: false, body });
    }
  });

  test("tools in the form of each API", () => {
    const schema = { type: "object" };
    const tools = [{ name: "grep", parameters: schema }];
    expect(dialectFor("POST", "/v1/chat/completions")?.readRequest({ tools: [{ type: "function", function: tools[0] }] }).tools).toEqual(
      tools,
    );
    expect(dialectFor("POST", "/v1/responses")?.readRequest({ tools: [{ type: "function", ...tools[0] }] }).tools).toEqual(tools);
    expect(dialectFor("POST", "/v1/messages")?.readRequest({ tools: [{ name: "grep", input_schema: schema }] }).tools).toEqual(tools);
  });

  test("calls forbidden, and one at a time", () => {
    expect(dialectFor("POST", "/v1/chat/completions")?.readRequest({ tool_choice: "none", parallel_tool_calls: false })).toMatchObject({
      toolsForbidden: true,
      parallelToolCalls: false,
    });
    expect(
      dialectFor("POST", "/v1/messages")?.readRequest({ tool_choice: { type: "auto", disable_parallel_tool_use: true } }),
    ).toMatchObject({ toolsForbidden: false, parallelToolCalls: false });
    expect(dialectFor("POST", "/v1/messages")?.readRequest({ tool_choice: { type: "none" } })).toMatchObject({ toolsForbidden: true });
  });

  test.each([
    [{ user_id: "user_1f_account__session_0d5e-11" }, "0d5e-11"],
    [{ user_id: '{"device_id":"d","session_id":"s-1"}' }, "s-1"],
    [{ user_id: "someone" }, undefined],
    [{}, undefined],
  ])("Claude Code's session in %j", (metadata, conversation) => {
    expect(dialectFor("POST", "/v1/messages")?.readRequest({ metadata }).conversation).toBe(conversation);
  });
});

describe("errors of our own", () => {
  const chat = dialectFor("POST", "/v1/chat/completions");
  const messages = dialectFor("POST", "/v1/messages");
  const responses = dialectFor("POST", "/v1/responses");

  test("have the form the API's clients read", () => {
    expect(chat?.errorBody(502, "gone", "upstream_error")).toEqual({ error: { code: 502, message: "gone", type: "upstream_error" } });
    expect(messages?.errorBody(502, "gone", "api_error")).toEqual({ type: "error", error: { type: "api_error", message: "gone" } });
  });

  test.each(DIALECTS.map((dialect) => [dialect.name, dialect] as const))("%s reads its own error frame and body", (_name, dialect) => {
    const frame = createFrameReader().read(dialect.errorFrame("gone", "upstream_error").raw);
    const payload: unknown = JSON.parse(frame.data ?? "");
    const error = { kind: "error", message: "gone", type: "upstream_error" };
    expect(dialect.codec(dialect.readRequest({})).read({ frame, payload })).toEqual([error]);
    expect(dialect.readDocument(dialect.errorBody(502, "gone", "upstream_error"))).toEqual([error]);
  });

  test("a Responses stream fails for OpenAI's SDK (`error`) and for Codex (`response.failed`) alike", () => {
    const frame = createFrameReader().read(responses?.errorFrame("gone", "upstream_error").raw ?? new Uint8Array());
    expect(frame.event).toBe("response.failed");
    expect(JSON.parse(frame.data ?? "")).toMatchObject({
      type: "response.failed",
      response: { status: "failed", error: { message: "gone" } },
      error: { message: "gone" },
    });
  });

  test("in a Messages stream it is an `error` event", () => {
    expect(Buffer.from(messages?.errorFrame("gone", "api_error").raw ?? []).toString()).toBe(
      'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"gone"}}\n\n',
    );
  });
});
