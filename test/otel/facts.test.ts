import { describe, expect, test } from "vitest";
import { callError, requestError, streamEnd } from "../../src/otel/errors.ts";
import { serverRequest, serverSpanName } from "../../src/otel/inbound.ts";
import { createModels } from "../../src/otel/models.ts";
import { inferenceReply } from "../../src/otel/reply.ts";
import { embeddingsRequest, inferenceRequest, isTextOnly } from "../../src/otel/request.ts";
import { endOf, startOf, viewOf } from "../support/exchanges.ts";

const summary = { finishReasons: [], toolCalls: 0, chunks: 0 };

describe("error.type", () => {
  test.each([
    [
      "the backend's word first",
      { status: 400, summary: { ...summary, error: { message: "", type: "exceed_context_size_error" } } },
      400,
      "exceed_context_size_error",
    ],
    ["then its status", { status: 400, summary: { ...summary, error: { message: "", type: "who knows" } } }, 400, "400"],
    ["then the code", { outcome: "upstream-broke", errorType: "UND_ERR_SOCKET" }, 200, "UND_ERR_SOCKET"],
    ["then our word", { outcome: "upstream-broke", errorType: undefined }, 200, "upstream_closed"],
    [
      "silence before the head",
      { outcome: "upstream-timeout", errorType: "timeout", firstByteMs: undefined },
      undefined,
      "UND_ERR_HEADERS_TIMEOUT",
    ],
    ["silence after it", { outcome: "upstream-timeout", errorType: "timeout" }, 200, "UND_ERR_BODY_TIMEOUT"],
    ["an error frame of no type", { summary: { ...summary, error: { message: "", type: undefined } } }, 200, "_OTHER"],
    ["none", {}, 200, undefined],
  ] as const)("%s", (_name, end, status, expected) => {
    expect(callError(endOf(end), status)).toBe(expected);
  });

  test("the server span fails for 5xx and cut replies only", () => {
    expect(requestError(endOf({ status: 404 }))).toBeUndefined();
    expect(requestError(endOf({ status: 500 }))).toBe("500");
    expect(requestError(endOf({ outcome: "upstream-refused", status: 502, errorType: "ECONNREFUSED" }))).toBe("502");
    expect(requestError(endOf({ outcome: "client-gone", errorType: "client_closed" }))).toBe("client_closed");
    expect(requestError(endOf({ outcome: "shutdown" }))).toBe("_OTHER");
  });

  test("a stream that we cut ourselves ends for a reason of ours", () => {
    expect(streamEnd(endOf({ outcome: "shutdown" }))).toBe("proxy_shutdown");
    expect(streamEnd(endOf({ outcome: "internal" }))).toBe("proxy_internal");
    expect(streamEnd(endOf({ outcome: "upstream-broke", errorType: "invalid_frame" }))).toBe("invalid_frame");
  });
});

describe("the request", () => {
  test.each([
    [{ max_completion_tokens: 5 }, { "gen_ai.request.max_tokens": 5 }],
    [{ n_predict: -1 }, { "gen_ai.request.max_tokens": -1 }],
    [
      { max_output_tokens: 7, reasoning: { effort: "high" }, text: { format: { type: "json_schema" } } },
      {
        "gen_ai.request.max_tokens": 7,
        "gen_ai.request.reasoning.level": "high",
        "gen_ai.output.type": "json",
        "llamacpp.request.grammar": true,
      },
    ],
    [{ stop: "x", n: 1, seed: 1.5, temperature: "hot" }, { "gen_ai.request.stop_sequences": ["x"] }],
    [
      { stop_sequences: ["a", "b"], n: 3 },
      { "gen_ai.request.stop_sequences": ["a", "b"], "gen_ai.request.choice.count": 3 },
    ],
    [{ json_schema: {}, cache_prompt: false }, { "llamacpp.request.cache_prompt": false }],
    [{ response_format: { type: "text" } }, {}],
  ])("%j", (body, expected) => {
    expect(inferenceRequest(viewOf(body))).toEqual(expected);
  });

  test("stream is told when it is true", () => {
    expect(inferenceRequest(viewOf({ stream: true }))).toEqual({ "gen_ai.request.stream": true });
  });

  test("embeddings have a short list", () => {
    expect(embeddingsRequest(viewOf({ encoding_format: "base64", dimensions: 3, temperature: 1 }))).toEqual({
      "gen_ai.request.encoding_formats": ["base64"],
      "gen_ai.embeddings.dimension.count": 3,
    });
  });

  test("text only, or not", () => {
    const user = (content: unknown) => viewOf({ messages: [{ role: "user", content }] });
    expect(isTextOnly(user("a"))).toBe(true);
    expect(isTextOnly(user([{ type: "text" }, { type: "image_url" }]))).toBe(false);
    expect(isTextOnly(user([{ type: "tool_result", content: [{ type: "image" }] }]))).toBe(false);
    expect(isTextOnly(viewOf({ prompt: { prompt_string: "a", multimodal_data: ["x"] } }))).toBe(false);
    expect(isTextOnly(undefined)).toBe(false);
  });
});

describe("the inbound request", () => {
  test("has the host's parts, the proxy's client, and a query without credentials", () => {
    const attributes = serverRequest(
      startOf({
        path: "/v1/messages?beta=true&api_key=s3cret&token=x",
        headers: ["host", "[::1]:8081", "x-forwarded-for", "10.1.1.1, 10.2.2.2"],
      }),
    );
    expect(attributes).toMatchObject({
      "url.path": "/v1/messages",
      "url.query": "beta=true&api_key=REDACTED&token=REDACTED",
      "server.address": "::1",
      "server.port": 8081,
      "client.address": "10.1.1.1",
      "network.peer.address": "127.0.0.1",
    });
  });

  test("an odd method and an unknown route are named so", () => {
    const start = startOf({ method: "BREW", route: "*" });
    expect(serverSpanName(start)).toBe("HTTP");
    expect(serverRequest(start)).toMatchObject({ "http.request.method": "_OTHER", "http.request.method_original": "BREW" });
    expect(serverRequest(start)["http.route"]).toBeUndefined();
  });
});

describe("the reply", () => {
  test("choices that were cut while they were generated end in error", () => {
    const end = endOf({ outcome: "upstream-broke", firstTokenMs: 5, summary: { ...summary, finishReasons: ["stop"] } });
    expect(inferenceReply(end, true, true, 3)["gen_ai.response.finish_reasons"]).toEqual(["stop", "error", "error"]);
    expect(inferenceReply(endOf({ summary }), true, true, 1)["gen_ai.response.finish_reasons"]).toBeUndefined();
  });

  test("context use from timings, else from usage, else not at all", () => {
    const used = (facts: object) =>
      inferenceReply(endOf({ summary: { ...summary, ...facts } }), true, false, 1)["llamacpp.context.utilization"];
    expect(used({ timings: { cacheN: 1000, promptN: 24, predictedN: 1024 } })).toBe(0.5);
    expect(used({ usage: { promptTokens: 1024, completionTokens: 1024 } })).toBe(0.5);
    expect(used({})).toBeUndefined();
  });
});

test("metrics carry a bounded number of models, each name of bounded length", () => {
  const models = createModels(2);
  expect(["a", "b", "c", "a", undefined, "", "x".repeat(500)].map((model) => models.capped(model))).toEqual([
    "a",
    "b",
    "_OTHER",
    "a",
    undefined,
    undefined,
    "_OTHER",
  ]);
  expect(models.size).toBe(2);
});
