import { describe, expect, test } from "vitest";
import type { Summary } from "../../src/core/exchange.ts";
import { createSummarizer } from "../../src/core/summarize.ts";
import { dialectFor } from "../../src/dialects/index.ts";
import { exchangeOf, isEventStream, requestPath, responseBody } from "../support/recordings.ts";
import { payloadsOf } from "../support/fold.ts";
import { readStream } from "../support/rewrite.ts";

function summaryOf(name: string): Summary {
  const exchange = exchangeOf(name);
  const dialect = dialectFor(exchange.request.method, requestPath(exchange));
  if (!dialect) throw new Error(`no dialect for ${name}`);
  const body = responseBody(exchange);
  const summarizer = createSummarizer();
  if (!isEventStream(exchange)) {
    summarizer.add(dialect.readDocument(JSON.parse(body.toString())));
    return summarizer.summary(0);
  }
  summarizer.add(readStream(dialect, body));
  return summarizer.summary(payloadsOf(body).length);
}

/** Every number is from the recording of that name. */
const FACTS: [string, string[], object | undefined, number][] = [
  ["chat-hello", ["stop"], { promptTokens: 48, completionTokens: 18, cachedTokens: 0 }, 0],
  ["tool-single", ["tool_calls"], { promptTokens: 783, completionTokens: 42, cachedTokens: 0 }, 1],
  ["anthropic-tool", ["tool_use"], { promptTokens: 766, completionTokens: 42, cachedTokens: 0 }, 1],
  ["anthropic-thinking-tool", ["tool_use"], { promptTokens: 634, completionTokens: 55, cachedTokens: 578 }, 1],
  ["anthropic-cached-stream", ["end_turn"], { promptTokens: 48, completionTokens: 18, cachedTokens: 47 }, 0],
  ["anthropic-duplicate-param-stream", ["tool_use"], { promptTokens: 790, completionTokens: 66, cachedTokens: 789 }, 1],
  ["responses-tool", ["completed"], { promptTokens: 779, completionTokens: 42, cachedTokens: 0 }, 1],
  ["native-completion", ["eos"], { promptTokens: 28, completionTokens: 18, cachedTokens: 0 }, 0],
  ["native-completion-stream", ["eos"], { promptTokens: 28, completionTokens: 18, cachedTokens: 27 }, 0],
  ["native-completion-progress-stream", ["limit"], { promptTokens: 1519, completionTokens: 3, cachedTokens: 0 }, 0],
  ["infill-stream", ["limit"], { promptTokens: 9, completionTokens: 4, cachedTokens: 8 }, 0],
  ["v1-completions", ["stop"], { promptTokens: 28, completionTokens: 18, cachedTokens: 27 }, 0],
  ["v1-completions-usage-stream", ["stop"], { promptTokens: 28, completionTokens: 18, cachedTokens: 27 }, 0],
  ["embeddings", [], { promptTokens: 4 }, 0],
  ["embedding-native", [], undefined, 0],
];

describe("usage, finish and calls of every dialect", () => {
  test.each(FACTS)("%s", (name, finishReasons, usage, toolCalls) => {
    const summary = summaryOf(name);
    expect({ finishReasons: summary.finishReasons, usage: summary.usage, toolCalls: summary.toolCalls }).toEqual({
      finishReasons,
      usage,
      toolCalls,
    });
  });

  test("prompt tokens are what was cached and what was processed, wherever timings say both", () => {
    for (const name of ["chat-hello", "tool-single", "responses-tool-stream", "native-completion-stream", "infill", "v1-completions"]) {
      const { usage, timings } = summaryOf(name);
      expect([name, usage?.promptTokens, usage?.completionTokens]).toEqual([
        name,
        (timings?.cacheN ?? Number.NaN) + (timings?.promptN ?? Number.NaN),
        timings?.predictedN,
      ]);
    }
  });

  test("a chat stream without usage derives it from its timings", () => {
    const { usage, timings } = summaryOf("chat-hello-stream");
    expect(usage).toEqual({ promptTokens: 48, completionTokens: 18, cachedTokens: timings?.cacheN });
  });

  test("two choices give two finish reasons", () => {
    expect(summaryOf("chat-n2-stream").finishReasons).toEqual(["stop", "stop"]);
  });

  test("a cut stream has no finish and no usage, not zero", () => {
    const summary = summaryOf("server-sigkill-mid-stream");
    expect(summary.finishReasons).toEqual([]);
    expect(summary).not.toHaveProperty("usage");
  });

  test("speculative decoding", () => {
    expect(summaryOf("chat-speculative").timings).toMatchObject({ draftN: expect.any(Number), draftNAccepted: expect.any(Number) });
  });
});

describe("identity", () => {
  test("id, model, fingerprint", () => {
    expect(summaryOf("chat-hello-stream")).toMatchObject({
      id: "chatcmpl-qqVyb0CLrZKSLLGCjy4RFhqkqLNl6YtR",
      model: "qwen3-coder-script",
      fingerprint: "b10470-34af94cd9",
    });
    expect(summaryOf("responses-tool-stream")).toMatchObject({ model: "qwen3-coder-script", id: expect.stringMatching(/^resp_/u) });
    expect(summaryOf("anthropic-tool-stream")).toMatchObject({ model: "qwen3-coder-script" });
  });

  test("the native API says why it stopped and in which slot", () => {
    expect(summaryOf("native-completion")).toMatchObject({ stopType: "eos", slot: 1 });
    expect(summaryOf("infill-stream")).toMatchObject({ stopType: "limit", slot: 0 });
  });

  test("chunks of one reply repeat their identity, the deltas say it once", () => {
    const chat = dialectFor("POST", "/v1/chat/completions");
    if (!chat) throw new Error("no chat dialect");
    const metas = readStream(chat, responseBody(exchangeOf("chat-hello-stream"))).filter(({ kind }) => kind === "meta");
    expect(metas).toHaveLength(1);
  });
});

describe("errors", () => {
  test.each([
    ["tool-grammar-crash-stream", "server_error"],
    ["anthropic-grammar-crash-stream", "server_error"],
    ["responses-grammar-crash-stream", "server_error"],
    ["tool-history-bad-arguments", "server_error"],
    ["error-too-long-stream", "exceed_context_size_error"],
    ["rerank-unsupported", "not_supported_error"],
  ])("%s is %s", (name, type) => {
    const { error, finishReasons } = summaryOf(name);
    expect(error?.type).toBe(type);
    expect(error?.message).not.toBe("");
    expect(finishReasons).toEqual([]);
  });
});

test("a usage that a fix put in for the client's sake is not taken for the backend's", () => {
  const summarizer = createSummarizer();
  summarizer.add(
    [{ kind: "text", choice: 0, text: "Hi" }],
    [
      { kind: "text", choice: 0, text: "Hi" },
      { kind: "usage", usage: { promptTokens: 0, completionTokens: 0 } },
    ],
  );
  expect(summarizer.summary(0).usage).toBeUndefined();
});
