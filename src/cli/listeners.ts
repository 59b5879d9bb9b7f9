/** What listens to exchanges: the recorder and telemetry, made from the configuration once, at the start. */
import { createLazyTelemetry } from "../otel/lazy.ts";
import type { RecorderStats, TelemetrySink } from "../otel/options.ts";
import { ROW_WEIGHT } from "../recorder/queue.ts";
import { createRecorder, type RecorderSink } from "../recorder/recorder.ts";
import { watchBackend, type BackendWatch } from "./backend-watch.ts";
import type { ServiceOptions } from "./service.ts";

/** Variables that say where telemetry goes, besides the one that is `otel.endpoint`. */
const ASKS_FOR_TELEMETRY = [
  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
  "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
  "OTEL_CONFIG_FILE",
];

export function recorderOf({ config, say }: ServiceOptions, path: string, telemetry: TelemetrySink | undefined): RecorderSink {
  const { recorder } = config;
  return createRecorder({
    path,
    routes: recorder.all_routes ? "all" : "understood",
    // A sample of failures alone would hide the ones that are looked for, so `errors` keeps them all.
    record: recorder.record === "errors" ? "errors" : recorder.sample === 1 ? "all" : recorder.sample,
    redactHeaders: recorder.redact,
    redactBodies: [
      ...recorder.redact_pointers.map((pointer) => ({ pointer })),
      ...recorder.redact_patterns.map((expression) => ({ pattern: expression })),
    ],
    maxBytes: recorder.max_size === 0 ? Number.MAX_SAFE_INTEGER : recorder.max_size,
    maxAgeMs: recorder.max_age === 0 ? Number.MAX_SAFE_INTEGER : recorder.max_age,
    maxQueueBytes: recorder.queue_bytes,
    trace: (id) => telemetry?.trace(id),
    onNotice: (notice) => say(notice.message),
  });
}

export function telemetryOf(
  options: ServiceOptions,
  backend: URL,
  listening: Promise<void>,
  recorder: () => RecorderSink | undefined,
  watch: BackendWatch | undefined,
): TelemetrySink | undefined {
  const { otel } = options.config;
  const wanted = otel.endpoint !== undefined || otel.pull || ASKS_FOR_TELEMETRY.some((name) => options.env[name]);
  if (!otel.enabled || !wanted) return undefined;
  return createLazyTelemetry(
    async () => {
      await listening;
      const { startTelemetry } = await import("../otel/telemetry.ts");
      return startTelemetry({
        env: options.env,
        endpoint: otel.endpoint,
        headers: otel.headers,
        pull: otel.pull,
        semconv: otel.semconv,
        captureContent: otel.capture_content,
        contentMaxChars: otel.content_max_chars,
        providerName: otel.provider_name,
        maxModels: otel.max_models,
        histograms: otel.histograms,
        serverMetrics: otel.server_metrics,
        serviceVersion: options.version,
        backend: {
          address: backend.hostname.replace(/^\[|\]$/g, ""),
          port: Number(backend.port || (backend.protocol === "https:" ? 443 : 80)),
        },
        shutdownTimeoutMs: otel.shutdown_timeout_seconds * 1000,
        conversationIdHeader: otel.conversation_id_header,
        gauges: {
          recorder: () => gaugesOf(options, recorder()),
          recorded: (exchangeId) => recorder()?.keeps(exchangeId) ?? false,
          ...(watch ? { slots: watch.slots, server: watch.server } : {}),
        },
        onDiagnostic: (level, message) => {
          if (level === "error" || level === "warn" || options.debug) options.say(`telemetry: ${message}`);
        },
      });
    },
    (cause) => options.say(`telemetry could not be started, traffic goes on without it: ${describe(cause, options.debug)}`),
  );
}

export function watchOf({ config, env }: ServiceOptions): BackendWatch | undefined {
  const seconds = config.otel.poll_interval_seconds;
  const name = config.backend.api_key_env;
  if (seconds === 0 || !config.otel.enabled) return undefined;
  return watchBackend({ url: config.backend.url, apiKey: name === undefined ? undefined : env[name] }, seconds * 1000);
}

/** The recorder's counts as the telemetry contract names them. The queue is bounded by bytes; as records that is at most `queue_bytes` of bare rows. */
function gaugesOf({ config }: ServiceOptions, recorder: RecorderSink | undefined): RecorderStats | undefined {
  if (!recorder) return undefined;
  const { queuedRecords, written, dropped, dbBytes } = recorder.stats();
  let full = 0;
  let failed = 0;
  for (const [reason, count] of Object.entries(dropped)) {
    if (reason.startsWith("queue-full")) full += count;
    else failed += count;
  }
  return {
    queueUsage: queuedRecords,
    queueLimit: Math.ceil(config.recorder.queue_bytes / ROW_WEIGHT),
    written,
    dropped: full,
    failed,
    dbBytes,
    writeMs: recorder.takeWriteMs(),
  };
}

export function describe(cause: unknown, debug: boolean | undefined): string {
  if (!(cause instanceof Error)) return String(cause);
  return debug ? (cause.stack ?? cause.message) : cause.message;
}
