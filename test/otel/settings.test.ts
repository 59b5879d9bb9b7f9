import { describe, expect, test } from "vitest";
import type { TelemetryOptions } from "../../src/otel/options.ts";
import { settle } from "../../src/otel/settings.ts";
import { optionsFor } from "../support/telemetry-options.ts";

function settled(env: Record<string, string>, options: Partial<TelemetryOptions> = {}) {
  const warnings: string[] = [];
  const settings = settle(optionsFor("http://collector:4318/", { ...options, env }), (message) => warnings.push(message));
  return { ...settings, warnings };
}

describe("settle", () => {
  test("defaults: JSON to the endpoint, 1.41, no content, 3 s per export", () => {
    const settings = settled({});
    expect(settings.traces).toEqual({ on: true, protocol: "http/json", url: "http://collector:4318/v1/traces", timeoutMs: 3000 });
    expect(settings).toMatchObject({ semconv: "1.41", captureContent: "none", disabled: false, ownDetectors: true, sdkMetrics: false });
    expect(settings.warnings).toEqual([]);
  });

  test("without an endpoint in the file the environment's is taken", () => {
    const settings = settled({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://e:1" }, { endpoint: undefined });
    expect(settings.logs).toMatchObject({ on: true, url: "http://e:1/v1/logs" });
  });

  test("a signal that nobody gave an endpoint is off", () => {
    const env = { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "http://m:1/x", OTEL_LOGS_EXPORTER: "otlp" };
    const settings = settled(env, { endpoint: undefined });
    expect([settings.traces.on, settings.metrics.on, settings.logs.on]).toEqual([false, true, true]);
  });

  test("the variable of one signal wins over the common endpoint, for that signal", () => {
    const settings = settled({ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "http://m:1/x" });
    expect(settings.metrics.url).toBe("http://m:1/x");
    expect(settings.traces.url).toBe("http://collector:4318/v1/traces");
  });

  test("protocols by variable, by signal first", () => {
    const settings = settled({ OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf", OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: "http/json" });
    expect([settings.traces.protocol, settings.logs.protocol]).toEqual(["http/protobuf", "http/json"]);
    const grpc = settled({ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" });
    expect(grpc.traces.protocol).toBe("http/protobuf");
    expect(grpc.warnings[0]).toMatch(/grpc is not supported/);
  });

  test("signals are switched off one by one", () => {
    const settings = settled({ OTEL_LOGS_EXPORTER: "none" });
    expect([settings.traces.on, settings.metrics.on, settings.logs.on]).toEqual([true, true, false]);
  });

  test.each([
    ["NO_CONTENT", "none"],
    ["span_only", "span"],
    ["EVENT_ONLY", "event"],
    ["SPAN_AND_EVENT", "both"],
  ])("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=%s is %s, whatever the file says", (value, expected) => {
    const env = { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: value };
    expect(settled(env, { captureContent: "event" }).captureContent).toBe(expected);
  });

  test("values that make no sense are named and ignored", () => {
    const settings = settled(
      { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "true", OTEL_BSP_MAX_QUEUE_SIZE: "many", OTEL_METRIC_EXPORT_INTERVAL: "-1" },
      { captureContent: "span" },
    );
    expect(settings.captureContent).toBe("span");
    expect(settings.queue.spans.maxQueueSize).toBe(8192);
    expect(settings.exportIntervalMs).toBe(15_000);
    expect(settings.warnings).toHaveLength(3);
  });

  test("the SDK's own variables: queue, interval, timeout, detectors, disabled", () => {
    const settings = settled({
      OTEL_SDK_DISABLED: "TRUE",
      OTEL_BSP_MAX_QUEUE_SIZE: "100",
      OTEL_BLRP_SCHEDULE_DELAY: "50",
      OTEL_METRIC_EXPORT_INTERVAL: "1000",
      OTEL_EXPORTER_OTLP_TIMEOUT: "500",
      OTEL_NODE_RESOURCE_DETECTORS: "host",
      OTEL_NODE_EXPERIMENTAL_SDK_METRICS: "true",
    });
    expect(settings).toMatchObject({ disabled: true, exportIntervalMs: 1000, ownDetectors: false, sdkMetrics: true });
    expect(settings.queue.spans.maxQueueSize).toBe(100);
    expect(settings.queue.logs.scheduledDelayMillis).toBe(50);
    expect(settings.traces.timeoutMs).toBeUndefined();
  });

  test("histograms are plain unless something asks for another kind", () => {
    expect(settled({}).plainHistograms).toBe(true);
    expect(settled({}, { histograms: "exponential" }).plainHistograms).toBe(false);
    expect(settled({ OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: "delta" }).plainHistograms).toBe(false);
  });
});
