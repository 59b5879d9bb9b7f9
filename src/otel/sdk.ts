import { context, diag, DiagLogLevel, logs, metrics, propagation, trace, type DiagLogger } from "@opentelemetry/api";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from "@opentelemetry/semantic-conventions";
import type { TelemetryOptions, TelemetryState } from "./options.ts";
import { instrumentUndici } from "./outbound.ts";
import { startProviders } from "./providers.ts";
import { createLogQueue, createSpanQueue } from "./queues.ts";
import { createPushReader, PullReader, viewsOf } from "./readers.ts";
import { SCOPE } from "./semconv.ts";
import { withOwnHistograms, type OwnMetrics } from "./series.ts";
import type { Settings } from "./settings.ts";
import type { SpansOf } from "./spans.ts";
import { createTally, type ExportHealth } from "./tally.ts";

/** The SDK, started: providers are registered with the API. */
export interface Sdk {
  readonly pull: PullReader | undefined;
  state(): Pick<TelemetryState, "spans" | "logs" | "metrics" | "lastError">;
  flush(): Promise<void>;
  /** Exports what is left, for at most `shutdownTimeoutMs`, and unregisters. Never rejects. */
  stop(): Promise<void>;
}

/** `own` comes to every reader beside the SDK's metrics. */
export async function startSdk(settings: Settings, options: TelemetryOptions, spansOf: SpansOf, own: OwnMetrics | undefined): Promise<Sdk> {
  const health = watchExports(options);
  const tallies = {
    spans: createTally(settings.queue.spans.maxQueueSize, health),
    logs: createTally(settings.queue.logs.maxQueueSize, health),
    metrics: createTally(Number.MAX_SAFE_INTEGER, health),
  };
  const headers = { ...options.headers };
  const producers = own ? [own.producer] : [];
  const spans = settings.traces.on ? createSpanQueue(settings.traces, headers, settings.queue.spans, tallies.spans) : undefined;
  const records = settings.logs.on ? createLogQueue(settings.logs, headers, settings.queue.logs, tallies.logs) : undefined;
  const push = settings.metrics.on ? createPushReader(settings, headers, producers, tallies.metrics) : undefined;
  const pull = options.pull && settings.configFile === undefined ? new PullReader(producers) : undefined;
  const outbound = instrumentUndici(spansOf);

  const shutdown = await startProviders(settings, {
    resource: defaultResource().merge(
      resourceFromAttributes({ [ATTR_SERVICE_NAME]: SCOPE, [ATTR_SERVICE_VERSION]: options.serviceVersion }),
    ),
    spanProcessors: spans ? [spans.processor] : [],
    logRecordProcessors: records ? [records.processor] : [],
    metricReaders: [...(push ? [push] : []), ...(pull ? [pull] : [])],
    views: viewsOf(settings, pull !== undefined),
    instrumentation: outbound.instrumentation,
  });
  const meters = metrics.getMeterProvider();
  outbound.provide(trace.getTracerProvider(), own ? withOwnHistograms(meters, own) : meters);
  // After the SDK, which may have set a logger of its own that writes to stdout.
  diag.setLogger(diagLogger(settings, options), { logLevel: levelOf(settings.logLevel), suppressOverrideMessage: true });
  const selfObs = settings.sdkMetrics ? meters : undefined;
  spans?.open(selfObs);
  records?.open(selfObs);

  return {
    pull,
    state: () => ({
      spans: tallies.spans.state(),
      logs: tallies.logs.state(),
      metrics: { exported: tallies.metrics.state().exported, failed: tallies.metrics.state().failed },
      lastError: health.lastError,
    }),
    async flush() {
      await Promise.all([spans?.processor.forceFlush(), records?.processor.forceFlush(), push?.forceFlush()]);
    },
    async stop() {
      outbound.stop();
      await within(settings.shutdownTimeoutMs, shutdown());
      for (const api of [trace, metrics, logs, propagation, context, diag]) api.disable();
    },
  };
}

/** Tells once that exports fail, and once that they work again: a collector may be away for days. */
function watchExports(options: TelemetryOptions): ExportHealth & { readonly lastError: string | undefined } {
  let lastError: string | undefined;
  let failing = false;
  return {
    get lastError() {
      return lastError;
    },
    failed(cause) {
      lastError = describe(cause);
      if (!failing)
        options.onDiagnostic?.("warn", `the collector does not take exports (${lastError}); traffic goes on, telemetry is lost`);
      failing = true;
    },
    exported() {
      if (failing) options.onDiagnostic?.("info", "the collector takes exports again");
      failing = false;
    },
  };
}

/** An AggregateError (localhost by IPv4 and IPv6) has an empty message and a code. */
function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.message || ((cause as NodeJS.ErrnoException).code ?? cause.name);
}

/** Waits for `work`, but no longer than `ms`; its failure is no matter any more. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work.catch(() => undefined), promise]);
  clearTimeout(timer);
}

const LEVELS: Readonly<Record<string, DiagLogLevel>> = {
  NONE: DiagLogLevel.NONE,
  ERROR: DiagLogLevel.ERROR,
  WARN: DiagLogLevel.WARN,
  INFO: DiagLogLevel.INFO,
  DEBUG: DiagLogLevel.DEBUG,
  VERBOSE: DiagLogLevel.VERBOSE,
  ALL: DiagLogLevel.ALL,
};

function levelOf(name: string | undefined): DiagLogLevel {
  return LEVELS[name?.toUpperCase() ?? ""] ?? DiagLogLevel.WARN;
}

function diagLogger(settings: Settings, options: TelemetryOptions): DiagLogger {
  const asked = settings.logLevel !== undefined;
  const tell =
    (level: "error" | "warn" | "info" | "debug") =>
    (message: string, ...rest: unknown[]) =>
      options.onDiagnostic?.(asked ? level : "debug", [message, ...rest.map(String)].join(" "));
  return { error: tell("error"), warn: tell("warn"), info: tell("info"), debug: tell("debug"), verbose: tell("debug") };
}
