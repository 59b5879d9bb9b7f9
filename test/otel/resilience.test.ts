import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Outcome } from "../../src/core/exchange.ts";
import { startTelemetry } from "../../src/otel/telemetry.ts";
import { endOf, startOf, stepOf, viewOf } from "../support/exchanges.ts";
import { checkTelemetry, spanType } from "../support/otlp-checker.ts";
import { startOtlpReceiver } from "../support/otlp-receiver.ts";
import { optionsFor } from "../support/telemetry-options.ts";

afterEach(() => vi.unstubAllEnvs());

describe("a collector that is", () => {
  test.each([
    ["down", undefined],
    ["silent", 0],
    ["refusing", 400],
    ["overloaded", 503],
  ])("%s costs the drain no more than the shutdown timeout", async (_name, answer) => {
    await using receiver = answer === undefined ? undefined : await startOtlpReceiver(answer);
    const diagnostics: string[] = [];
    const telemetry = await startTelemetry(
      optionsFor(receiver?.url ?? "http://127.0.0.1:9", { shutdownTimeoutMs: 300, onDiagnostic: (level) => diagnostics.push(level) }),
    );
    for (let i = 0; i < 50; i += 1) {
      const tap = telemetry.begin(startOf());
      tap?.request?.(viewOf({ model: "m" }), new Uint8Array());
      tap?.end(endOf());
    }
    expect(telemetry.state()).toMatchObject({ state: "on", spans: { queued: 100, dropped: 0 } });
    // An export alone may take ten seconds.
    const before = performance.now();
    await telemetry[Symbol.asyncDispose]();
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  test("refusing shows in the state, and is told once", async () => {
    await using receiver = await startOtlpReceiver(400);
    const told: string[] = [];
    await using telemetry = await startTelemetry(
      optionsFor(receiver.url, { onDiagnostic: (level, message) => (level === "debug" ? undefined : told.push(`${level}: ${message}`)) }),
    );
    for (let i = 0; i < 3; i += 1) {
      telemetry.begin(startOf())?.end(endOf());
      await expect(telemetry.flush()).rejects.toThrow("Bad Request");
    }
    expect(telemetry.state().spans).toEqual({ exported: 0, failed: 3, dropped: 0, queued: 0 });
    expect(telemetry.state().lastError).toBe("Bad Request");
    expect(told).toEqual(["warn: the collector does not take exports (Bad Request); traffic goes on, telemetry is lost"]);
    receiver.answer = 200;
    telemetry.begin(startOf())?.end(endOf());
    await telemetry.flush();
    expect(told[1]).toBe("info: the collector takes exports again");
  });

  test("too slow for the traffic loses what the queue cannot hold, and counts it", async () => {
    await using receiver = await startOtlpReceiver();
    await using telemetry = await startTelemetry(
      optionsFor(receiver.url, { env: { OTEL_BSP_MAX_QUEUE_SIZE: "10", OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "10" } }),
    );
    for (let i = 0; i < 25; i += 1) telemetry.begin(startOf({ dialect: undefined, route: "/props" }))?.end(endOf());
    expect(telemetry.state().spans).toMatchObject({ dropped: 15, queued: 10 });
    await telemetry.flush();
    expect(receiver.received.spans).toHaveLength(10);
    expect(telemetry.state().spans).toEqual({ exported: 10, failed: 0, dropped: 15, queued: 0 });
  });
});

test("exactly one ended server span per exchange, whatever is called in between and whenever it ends", async () => {
  await using receiver = await startOtlpReceiver();
  await using telemetry = await startTelemetry(optionsFor(receiver.url, { env: { OTEL_BSP_MAX_QUEUE_SIZE: "100000" } }));
  const outcomes: Outcome[] = [
    "completed",
    "client-gone",
    "upstream-refused",
    "upstream-timeout",
    "upstream-broke",
    "shutdown",
    "internal",
  ];
  let exchanges = 0;
  const results = new Set<unknown>();
  const calls = fc.array(fc.constantFrom("request", "unread", "enter", "head", "step", "chunk"), { maxLength: 8 });
  fc.assert(
    fc.property(
      calls,
      fc.constantFrom(...outcomes),
      fc.option(fc.constantFrom(200, 400, 500)),
      fc.boolean(),
      (names, outcome, status, dialect) => {
        exchanges += 1;
        const tap = telemetry.begin(startOf(dialect ? {} : { dialect: undefined }));
        for (const name of names) {
          if (name === "request") tap?.request?.(viewOf({ model: "m", stream: true, messages: 3, stop: [1], n: "x" }), new Uint8Array());
          else if (name === "unread") tap?.request?.(undefined, new Uint8Array());
          else if (name === "enter") results.add(tap?.enter?.(() => 7));
          else if (name === "head") tap?.head?.(1, 200, ["Content-Type", "text/event-stream"]);
          else if (name === "step") tap?.step?.(2, stepOf([]));
          else tap?.chunk?.(2, new Uint8Array(), new Uint8Array());
        }
        tap?.end(endOf({ outcome, status: status ?? undefined, durationMs: 0, upstreamSentMs: 0, upstreamEndMs: undefined }));
      },
    ),
    { numRuns: 300 },
  );
  expect([...results]).toEqual([7]);
  await telemetry.flush();
  expect(receiver.received.spans.filter((span) => spanType(span) === "http.server")).toHaveLength(exchanges);
  expect(checkTelemetry(receiver.received, { vocabulary: "1.41" })).toEqual([]);
});

describe("standard variables", () => {
  test("OTEL_SDK_DISABLED listens to nothing", async () => {
    await using telemetry = await startTelemetry(optionsFor("http://127.0.0.1:9", { env: { OTEL_SDK_DISABLED: "true" } }));
    expect(telemetry.begin(startOf())).toBeUndefined();
    expect(telemetry.state()).toEqual({ state: "off" });
  });

  test("resource, headers, sampler and endpoint come from the environment", async () => {
    await using receiver = await startOtlpReceiver();
    vi.stubEnv("OTEL_SERVICE_NAME", "my-llama");
    vi.stubEnv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=one");
    vi.stubEnv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=a");
    vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url);
    vi.stubEnv("OTEL_TRACES_SAMPLER", "parentbased_always_off");
    await using telemetry = await startTelemetry({ ...optionsFor(""), endpoint: undefined, env: process.env });
    telemetry.begin(startOf())?.end(endOf());
    telemetry.begin(startOf({ headers: ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"] }))?.end(endOf());
    await telemetry.flush();
    expect(receiver.headers[0]?.["x-tenant"]).toBe("a");
    expect(receiver.received.spans).toHaveLength(1);
    const resource = receiver.received.spans[0]?.resource;
    expect([resource?.["service.name"]?.value, resource?.["service.instance.id"]?.value]).toEqual(["my-llama", "one"]);
    expect(checkTelemetry(receiver.received, { vocabulary: "1.41" })).toEqual([]);
  });

  test("limits of attributes are the SDK's", async () => {
    await using receiver = await startOtlpReceiver();
    vi.stubEnv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "4");
    await using telemetry = await startTelemetry({ ...optionsFor(receiver.url), env: process.env });
    telemetry.begin(startOf({ method: "POST", path: "/v1/models", route: "/v1/models", dialect: undefined }))?.end(endOf());
    await telemetry.flush();
    expect(receiver.received.spans[0]?.attributes["url.path"]?.value).toBe("/v1/");
  });

  test("OTEL_CONFIG_FILE decides over providers and exporters", async () => {
    await using receiver = await startOtlpReceiver();
    const { mkdtempSync, rmSync, writeFileSync } = await import("node:fs");
    const { tmpdir } = await import("node:os");
    const folder = mkdtempSync(`${tmpdir()}/llama-proxy-otel-`);
    const file = `${folder}/otel.yaml`;
    writeFileSync(
      file,
      [
        'file_format: "1.0"',
        "resource: { attributes: [{ name: service.name, value: from-file }] }",
        "propagator: { composite: [{ tracecontext: }] }",
        `tracer_provider: { processors: [{ batch: { exporter: { otlp_http: { endpoint: "${receiver.url}/v1/traces" } } } }] }`,
        `meter_provider: { readers: [{ periodic: { interval: 60000, exporter: { otlp_http: { endpoint: "${receiver.url}/v1/metrics" } } } }] }`,
      ].join("\n"),
    );
    vi.stubEnv("OTEL_CONFIG_FILE", file);
    {
      await using telemetry = await startTelemetry({ ...optionsFor("http://127.0.0.1:9"), env: process.env });
      const tap = telemetry.begin(startOf());
      tap?.request?.(viewOf({ model: "m" }), new Uint8Array());
      tap?.end(endOf());
    }
    rmSync(folder, { recursive: true });
    expect(receiver.received.spans.map((span) => span.name).sort()).toEqual(["POST /v1/chat/completions", "chat m"]);
    expect(receiver.received.spans[0]?.resource["service.name"]?.value).toBe("from-file");
    expect(receiver.received.metrics.map((metric) => metric.name)).toContain("http.server.request.duration");
  });

  test("OTEL_NODE_EXPERIMENTAL_SDK_METRICS tells of the SDK's own queue", async () => {
    await using receiver = await startOtlpReceiver();
    vi.stubEnv("OTEL_NODE_EXPERIMENTAL_SDK_METRICS", "true");
    await using telemetry = await startTelemetry({ ...optionsFor(receiver.url), env: process.env });
    telemetry.begin(startOf())?.end(endOf());
    await telemetry.flush();
    await telemetry.flush();
    expect(receiver.received.metrics.map((metric) => metric.name)).toContain("otel.sdk.processor.span.processed");
    expect(checkTelemetry(receiver.received, { vocabulary: "1.41" })).toEqual([]);
  });
});
