/**
 * The sidecar and everything that listens to it, put together from a configuration. `run` is this
 * with signals around it, `demo` this in front of a recorded backend.
 */
import { homedir } from "node:os";
import { realClock } from "../core/clock.ts";
import { fanOut, type ExchangeSink } from "../core/sink.ts";
import type { Config } from "../config/schema.ts";
import { planFixes } from "../fixes/index.ts";
import { watchBackend, type BackendWatch } from "./backend-watch.ts";
import { createLazyTelemetry } from "../otel/lazy.ts";
import type { RecorderStats, TelemetrySink } from "../otel/options.ts";
import { defaultPath } from "../recorder/default-path.ts";
import { ROW_WEIGHT } from "../recorder/queue.ts";
import { createRecorder, type RecorderSink } from "../recorder/recorder.ts";
import { createContextWatch } from "../sidecar/context.ts";
import { createSidecar } from "../sidecar/sidecar.ts";
import { createUpstream } from "../sidecar/upstream.ts";
import type { Look } from "../stats/format.ts";
import { createStatsLine } from "../stats/line.ts";

export interface ServiceOptions {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  /** Metrics of each request, ready to be written. */
  readonly write: (text: string) => void;
  readonly look: () => Look & { readonly terminal: boolean };
  /** Something a person should know. */
  readonly say: (line: string) => void;
  readonly debug?: boolean;
}

export interface Service {
  /** Where it listens. */
  readonly url: URL;
  /** The recording file; undefined when nothing is recorded. */
  readonly recording: string | undefined;
  /** An exception that nobody caught: told, counted, survived. */
  fault(cause: unknown): void;
  /** Stops accepting, waits for what is in flight, flushes recorder and telemetry. */
  stop(graceMs: number): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 64 * 1024;
const FOREVER_MS = 2 ** 31 - 1;

/** Variables that say where telemetry goes, besides the one that is `otel.endpoint`. */
const ASKS_FOR_TELEMETRY = [
  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
  "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
  "OTEL_CONFIG_FILE",
];

export function recordingPath(config: Config, env: ServiceOptions["env"]): string {
  return config.recorder.path ?? defaultPath(env, process.platform, homedir());
}

/** Listens before telemetry is loaded. Rejects with node's error when the address cannot be had. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { config, env, say } = options;
  const backend = new URL(config.backend.url);
  const upstream = createUpstream({ origin: backend, connectTimeoutMs: CONNECT_TIMEOUT_MS, maxHeaderBytes: MAX_HEADER_BYTES });
  const context = createContextWatch(backend, () => realClock.monoMs());
  const faults = { count: 0, last: undefined as string | undefined };

  // The SDK is loaded once the sidecar listens; until then exchanges are not measured.
  const listening = Promise.withResolvers<void>();
  const watch = watchOf(options);
  const telemetry = telemetryOf(options, backend, listening.promise, () => recorder, watch);
  const recording = config.recorder.enabled ? recordingPath(config, env) : undefined;
  const recorder = recording === undefined ? undefined : recorderOf(options, recording, telemetry);

  const sinks: ExchangeSink[] = [];
  if (telemetry) sinks.push(telemetry);
  if (recorder) sinks.push(recorder);
  if (config.stats.enabled) {
    const format = config.stats.format ?? (options.look().terminal ? "pretty" : "compact");
    sinks.push(createStatsLine({ format, look: options.look, write: options.write }));
  }
  const sink = fanOut(sinks, (name, cause) =>
    say(`${name} failed for an exchange and was left out of it: ${describe(cause, options.debug)}`),
  );

  const timeout = config.backend.timeout_seconds;
  const sidecar = createSidecar({
    upstream,
    plan: planFixes(config.fixes),
    sink,
    clock: realClock,
    limits: {
      requestBytes: config.server.max_request_bytes,
      replyBytes: config.server.max_reply_bytes,
      frameBytes: config.server.max_frame_bytes,
      timeoutMs: timeout === 0 ? FOREVER_MS : Math.min(timeout * 1000, FOREVER_MS),
    },
    context,
    tracing: (id) => telemetry?.trace(id) !== undefined,
    recordAll: recorder !== undefined && config.recorder.all_routes,
    backendKey: undefined,
    metrics: telemetry && config.otel.pull ? () => telemetry.prometheusText() : undefined,
    status: () => ({
      version: options.version,
      recorder: recorder ? { path: recording, ...recorder.stats() } : { state: "off" },
      telemetry: telemetry ? telemetry.state() : { state: "off" },
      sink_failures: Object.fromEntries(sink.failures),
      faults: faults.count,
      ...(faults.last === undefined ? {} : { last_fault: faults.last }),
    }),
  });

  async function stop(graceMs: number): Promise<void> {
    await sidecar.drain(graceMs);
    watch?.[Symbol.dispose]();
    await Promise.allSettled([recorder?.[Symbol.asyncDispose](), telemetry?.[Symbol.asyncDispose]()]);
    await upstream[Symbol.asyncDispose]();
  }

  let url: URL;
  try {
    url = await sidecar.listen(config.server.host, config.server.port);
  } catch (cause) {
    listening.resolve();
    await stop(0);
    throw cause;
  }
  // Not before whoever started us could say so: loading holds the event loop for a quarter of a second.
  setImmediate(listening.resolve);
  // A backend that is up tells its context size before the first request asks for it.
  context.want(undefined, backendCredentials(config, env));
  return {
    url,
    recording,
    stop,
    fault(cause) {
      faults.count += 1;
      faults.last = describe(cause, false);
      say(`an unexpected fault, survived: ${describe(cause, options.debug)}`);
    },
  };
}

function recorderOf({ config, say }: ServiceOptions, path: string, telemetry: TelemetrySink | undefined): RecorderSink {
  const { recorder } = config;
  return createRecorder({
    path,
    routes: recorder.all_routes ? "all" : "understood",
    redactHeaders: recorder.redact,
    maxBytes: recorder.max_size === 0 ? Number.MAX_SAFE_INTEGER : recorder.max_size,
    maxAgeMs: recorder.max_age === 0 ? Number.MAX_SAFE_INTEGER : recorder.max_age,
    maxQueueBytes: recorder.queue_bytes,
    trace: (id) => telemetry?.trace(id),
    onNotice: (notice) => say(notice.message),
  });
}

function telemetryOf(
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
        gauges: { recorder: () => gaugesOf(options, recorder()), ...(watch ? { slots: watch.slots, server: watch.server } : {}) },
        onDiagnostic: (level, message) => {
          if (level === "error" || level === "warn" || options.debug) options.say(`telemetry: ${message}`);
        },
      });
    },
    (cause) => options.say(`telemetry could not be started, traffic goes on without it: ${describe(cause, options.debug)}`),
  );
}

function watchOf({ config, env }: ServiceOptions): BackendWatch | undefined {
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
  };
}

function backendCredentials(config: Config, env: ServiceOptions["env"]): Record<string, string> {
  const name = config.backend.api_key_env;
  const key = name === undefined ? undefined : env[name];
  return key ? { authorization: `Bearer ${key}` } : {};
}

function describe(cause: unknown, debug: boolean | undefined): string {
  if (!(cause instanceof Error)) return String(cause);
  return debug ? (cause.stack ?? cause.message) : cause.message;
}
