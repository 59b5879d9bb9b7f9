import { describe, expect, test } from "vitest";
import { startTelemetry } from "../../src/otel/telemetry.ts";
import { checkTelemetry } from "../support/otlp-checker.ts";
import { plain, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { optionsFor } from "../support/telemetry-options.ts";
import { endOf, startOf, stepOf, viewOf } from "../support/exchanges.ts";

describe("spans", () => {
  test.each(["http/json", "http/protobuf"] as const)("a streamed chat over %s", async (protocol) => {
    await using receiver = await startOtlpReceiver();
    await using telemetry = await startTelemetry(optionsFor(receiver.url, { protocol }));
    const start = startOf({ headers: ["Host", "h:1", "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"] });
    const tap = telemetry.begin(start);
    expect(telemetry.trace(start.id)?.traceId).toBe("0af7651916cd43dd8448eb211c80319c");
    tap?.request?.(viewOf({ model: "qwen3-coder", stream: true, temperature: 1, max_tokens: 50, seed: 7 }), new Uint8Array());
    tap?.enter?.(() => undefined);
    tap?.head?.(5, 200, ["Content-Type", "text/event-stream"]);
    for (let at = 6; at < 12; at += 1)
      tap?.step?.(
        at,
        stepOf([
          { kind: "meta", model: "served" },
          { kind: "text", choice: 0, text: "a" },
        ]),
      );
    tap?.end(
      endOf({
        streamed: true,
        firstChunkMs: 6,
        firstTokenMs: 7,
        summary: {
          id: "c1",
          model: "served",
          finishReasons: ["stop"],
          toolCalls: 0,
          chunks: 6,
          usage: { promptTokens: 10, completionTokens: 5 },
        },
      }),
    );
    await telemetry.flush();
    const { spans } = receiver.received;
    expect(spans.map((span) => span.name).sort()).toEqual(["POST /v1/chat/completions", "chat qwen3-coder"]);
    const call = spans.find((span) => span.kind === 3);
    expect(plain(call?.attributes ?? {})).toMatchObject({
      "gen_ai.request.max_tokens": 50,
      "gen_ai.response.model": "served",
      "gen_ai.usage.input_tokens": 10,
      "llama_proxy.stream.chunk_count": 6,
      "llama_proxy.stream.end_reason": "completed",
    });
    expect(checkTelemetry(receiver.received, { vocabulary: "1.41" })).toEqual([]);
  });
});
