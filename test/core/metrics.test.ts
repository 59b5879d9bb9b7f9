import { describe, expect, test } from "vitest";
import type { ExchangeEnd, ExchangeStart, Summary } from "../../src/core/exchange.ts";
import { metricsOf } from "../../src/core/metrics.ts";

const START: ExchangeStart = {
  id: "1",
  at: 0,
  method: "POST",
  path: "/v1/chat/completions",
  route: "/v1/chat/completions",
  httpVersion: "1.1",
  headers: [],
  dialect: "openai.chat_completions",
  peer: { address: undefined, port: undefined },
  client: "opencode",
  session: undefined,
};

function ended(summary: Partial<Summary>, rest: Partial<ExchangeEnd> = {}): ExchangeEnd {
  return {
    outcome: "completed",
    reason: undefined,
    errorType: undefined,
    status: 200,
    streamed: true,
    durationMs: 1000,
    upstreamSentMs: 1,
    firstByteMs: 2,
    firstChunkMs: 3,
    firstTokenMs: 400,
    lastTokenMs: 900,
    upstreamEndMs: 950,
    overheadMs: 0.2,
    attempts: 1,
    requestBytes: 10,
    responseBytes: 20,
    notes: [],
    contextTotal: 8192,
    truncated: false,
    ...rest,
    summary: { finishReasons: [], toolCalls: 0, chunks: 3, ...summary },
  };
}

describe("metricsOf", () => {
  test("rates come from llama-server's counts and times, the generation's without the first token", () => {
    const metrics = metricsOf(
      START,
      undefined,
      ended({
        model: "qwen",
        finishReasons: ["stop"],
        usage: { promptTokens: 807, completionTokens: 66, cachedTokens: 707 },
        timings: { cacheN: 707, promptN: 100, promptMs: 500, predictedN: 66, predictedMs: 650, draftN: 40, draftNAccepted: 30 },
      }),
    );
    expect(metrics).toEqual({
      model: "qwen",
      client: "opencode",
      promptTokens: 807,
      completionTokens: 66,
      totalTokens: 873,
      cachedTokens: 707,
      promptTps: 200,
      generationTps: 100,
      promptMs: 500,
      generationMs: 650,
      ttftMs: 400,
      durationMs: 1000,
      contextTotal: 8192,
      contextUsed: 873,
      contextPercent: (873 / 8192) * 100,
      draftTokens: 40,
      draftAccepted: 30,
      draftAcceptance: 0.75,
      finishReason: "stop",
      streaming: true,
      outcome: "completed",
      status: 200,
      fixes: [],
    });
  });

  test("what the backend did not report is absent, never zero", () => {
    const metrics = metricsOf(START, undefined, ended({}, { contextTotal: undefined, firstTokenMs: undefined }));
    expect(Object.keys(metrics).sort()).toEqual(["client", "durationMs", "fixes", "outcome", "status", "streaming"]);
  });

  test("one predicted token has no rate", () => {
    const metrics = metricsOf(START, undefined, ended({ timings: { predictedN: 1, predictedMs: 0.001 } }));
    expect(metrics.generationTps).toBeUndefined();
  });

  test("fixes are named once each, only those that changed something", () => {
    const note = (fix: string, action: "fixed" | "refused") => ({ fix, action, target: "tool_call.arguments" as const });
    const metrics = metricsOf(
      START,
      undefined,
      ended({}, { notes: [note("b", "fixed"), note("a", "fixed"), note("b", "fixed"), note("c", "refused")] }),
    );
    expect(metrics.fixes).toEqual(["b", "a"]);
  });
});
