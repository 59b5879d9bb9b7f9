import { setTimeout as sleep } from "node:timers/promises";
import { trace } from "@opentelemetry/api";
import { startService, type Service, type ServiceOptions } from "../../src/cli/service.ts";
import { checkTelemetry, spanType } from "./otlp-checker.ts";
import { startOtlpReceiver, type Received } from "./otlp-receiver.ts";

/**
 * The service with telemetry, as the environment turns it on; what it exported is held against the
 * contract when it has stopped. With an endpoint of its own it is left as it is.
 */
export async function startTestService(options: ServiceOptions): Promise<Service> {
  const { otel } = options.config;
  if (otel.endpoint !== undefined) return startService(options);
  const receiver = await startOtlpReceiver();
  const endpoints = ["TRACES", "METRICS", "LOGS"].map((signal) => [
    `OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`,
    `${receiver.url}/v1/${signal.toLowerCase()}`,
  ]);
  const service = await startService({ ...options, env: { ...options.env, ...Object.fromEntries(endpoints) } });
  await telemetryIsOn();
  return Object.create(service, {
    stop: {
      async value(graceMs: number) {
        await service.stop(graceMs);
        await receiver[Symbol.asyncDispose]();
        const { received } = receiver;
        const findings = [...checkTelemetry(received, { vocabulary: otel.semconv }), ...checkCounts(received)];
        if (findings.length > 0) throw new Error(`what telemetry exported is not right:\n${findings.join("\n")}`);
      },
    },
  }) as Service;
}

/** Exchanges before the SDK is loaded are not measured. */
async function telemetryIsOn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setInterval(() => trace.getTracer("probe").startSpan("probe").isRecording() && resolve(), 2);
  await promise;
  clearInterval(timer);
  // The providers are there a moment before the sink.
  await sleep(2);
}

/** A server span for each request that the metrics count, and none in flight. */
function checkCounts({ spans, metrics }: Received): string[] {
  const points = (name: string) => metrics.find((metric) => metric.name === name)?.points ?? [];
  const counted = points("http.server.request.duration").reduce((sum, { count }) => sum + count, 0);
  const active = points("http.server.active_requests").reduce((sum, { value = 0 }) => sum + value, 0);
  const ended = spans.filter((span) => spanType(span) === "http.server").length;
  return [
    ...(counted === ended ? [] : [`${ended} server spans, ${counted} requests measured`]),
    ...(active === 0 ? [] : [`${active} requests still active`]),
  ];
}
