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

describe("metrics", () => {
  test("carry at most max_models models, whatever clients ask for", async () => {
    await using receiver = await startOtlpReceiver();
    await using telemetry = await startTelemetry(optionsFor(receiver.url, { maxModels: 5 }));
    for (let i = 0; i < 40; i += 1) {
      const tap = telemetry.begin(startOf());
      tap?.request?.(viewOf({ model: `model-${i}`, stream: true }), new Uint8Array());
      for (const at of [1, 2]) tap?.step?.(at, stepOf([]));
      tap?.end(endOf());
    }
    await telemetry.flush();
    expect(checkTelemetry(receiver.received, { vocabulary: "1.41", maxModels: 5 })).toEqual([]);
    const metric = receiver.received.metrics.find(({ name }) => name === "gen_ai.client.operation.duration");
    const models = new Map(metric?.points.map((point) => [point.attributes["gen_ai.request.model"]?.value, point.count]));
    expect(models.get("_OTHER")).toBe(35);
    expect(models.size).toBe(6);
  });

  test("are exponential histograms where asked for", async () => {
    await using receiver = await startOtlpReceiver();
    await using telemetry = await startTelemetry(optionsFor(receiver.url, { histograms: "exponential", protocol: "http/protobuf" }));
    const tap = telemetry.begin(startOf());
    tap?.request?.(viewOf({ model: "m", stream: true }), new Uint8Array());
    for (const at of [1, 2, 3]) tap?.step?.(at, stepOf([]));
    tap?.end(endOf());
    await telemetry.flush();
    const kinds = new Map(receiver.received.metrics.map(({ name, instrument }) => [name, instrument]));
    expect(kinds.get("http.server.request.duration")).toBe("exponential");
    expect(kinds.get("gen_ai.client.operation.time_per_output_chunk")).toBe("exponential");
    expect(kinds.get("http.server.active_requests")).toBe("updowncounter");
    expect(checkTelemetry(receiver.received, { vocabulary: "1.41" })).toEqual([]);
  });

  test("leave out the server family where it is not wanted", async () => {
    await using receiver = await startOtlpReceiver();
    await using telemetry = await startTelemetry(optionsFor(receiver.url, { serverMetrics: false }));
    const tap = telemetry.begin(startOf());
    tap?.request?.(viewOf({ model: "m" }), new Uint8Array());
    tap?.end(endOf());
    await telemetry.flush();
    const names = receiver.received.metrics.map(({ name }) => name);
    expect(names.filter((name) => name.startsWith("gen_ai.server"))).toEqual([]);
    expect(names).toContain("gen_ai.client.operation.duration");
  });

  test("time per output chunk falls into the contract's buckets", async () => {
    await using receiver = await startOtlpReceiver();
    await using telemetry = await startTelemetry(optionsFor(receiver.url));
    const tap = telemetry.begin(startOf());
    tap?.request?.(viewOf({ model: "m", stream: true }), new Uint8Array());
    // 1 ms, 1.5 ms, 700 s: on a boundary, between two, beyond the last.
    for (const at of [0, 1, 2.5, 700_002.5]) tap?.step?.(at, stepOf([]));
    tap?.end(endOf());
    await telemetry.flush();
    const [point] = receiver.received.metrics.find(({ name }) => name.endsWith("time_per_output_chunk"))?.points ?? [];
    expect(point?.counts.flatMap((count, bucket) => (count > 0 ? [[bucket, count]] : []))).toEqual([
      [0, 1],
      [1, 1],
      [20, 1],
    ]);
    expect(point?.sum).toBeCloseTo(700.0025, 6);
    expect(checkTelemetry(receiver.received, { vocabulary: "1.41" })).toEqual([]);
  });
});
