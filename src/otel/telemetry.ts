/**
 * The room's door. An exchange's facts come in through `ExchangeSink` (begin, enter, request, head,
 * step, end) and leave as spans, metrics and log records over OTLP/HTTP.
 *
 *   tap.ts       one exchange: server span, GenAI span, the context that undici's span hangs on
 *   call.ts      the GenAI half of it          measure.ts   its metrics          series.ts   what they are counted in
 *   outbound.ts  undici's spans, put right     spans.ts     how spans get their attributes
 *   sdk.ts       exporters, undici instrumentation, shutdown      providers.ts   the SDK's providers
 *   semconv.ts   names     catalogue.ts   metrics     settings.ts   options and OTEL_* variables
 *
 * Importing this file loads the SDK (built into one file 0.02 s and 5 MB, from node_modules 0.1 s and 22 MB): only `run`
 * does, through lazy.ts.
 */
import { logs, metrics, trace } from "@opentelemetry/api";
import type { TapParts } from "./call.ts";
import { observe } from "./gauges.ts";
import { createInstruments, sdkRecorder } from "./instruments.ts";
import { createModels } from "./models.ts";
import type { TelemetryOptions, TelemetrySink, TraceIds } from "./options.ts";
import { prometheusText } from "./prometheus.ts";
import { startSdk } from "./sdk.ts";
import { SCOPE } from "./semconv.ts";
import { createOwnMetrics } from "./series.ts";
import { settle } from "./settings.ts";
import { checkedSpans, plainSpans } from "./spans.ts";
import { openExchange } from "./tap.ts";

/** Starts the SDK and listens. Does not wait for a collector: there may be none. */
export async function startTelemetry(options: TelemetryOptions): Promise<TelemetrySink> {
  const settings = settle(options, (message) => options.onDiagnostic?.("warn", message));
  if (settings.disabled) return silent();

  const version = options.serviceVersion;
  const own = settings.plainHistograms ? createOwnMetrics() : undefined;
  const spansOf = settings.needsNodeSdk || settings.configFile !== undefined ? checkedSpans : plainSpans;
  const sdk = await startSdk(settings, options, spansOf, own);
  const meter = metrics.getMeter(SCOPE, version);
  const recorder = own ? own.recorderOf({ name: SCOPE, version }) : sdkRecorder(meter);
  const instruments = createInstruments(recorder, settings.semconv);
  const stopObserving = observe(meter, options);
  const parts: TapParts = {
    spans: spansOf(trace.getTracer(SCOPE, version)),
    logger: logs.getLogger(SCOPE, version),
    instruments,
    models: createModels(options.maxModels ?? 50),
    providerName: options.providerName ?? "llamacpp",
    backend: options.backend,
    captureContent: settings.captureContent,
    contentMaxChars: settings.contentMaxChars,
    conversationIdHeader: options.conversationIdHeader,
    serverMetrics: options.serverMetrics ?? true,
    gauges: options.gauges ?? {},
    now: () => performance.now(),
  };
  const open = new Map<string, TraceIds>();
  let stopped: Promise<void> | undefined;

  return {
    name: "telemetry",
    begin(start) {
      const { span, tap } = openExchange(parts, start);
      const { traceId, spanId } = span.spanContext();
      open.set(start.id, { traceId, spanId });
      return {
        ...tap,
        end(end) {
          // Sinks that are told of the end after us may still ask.
          queueMicrotask(() => open.delete(start.id));
          tap.end(end);
        },
      };
    },
    state: () => ({
      state: "on",
      endpoint: settings.traces.url?.replace(/\/v1\/traces$/, "") ?? options.env["OTEL_EXPORTER_OTLP_ENDPOINT"],
      protocol: settings.traces.protocol,
      semconv: settings.semconv,
      captureContent: settings.captureContent,
      models: parts.models.size,
      ...sdk.state(),
    }),
    trace: (exchangeId) => open.get(exchangeId),
    flush: () => sdk.flush(),
    prometheusText: async () => (sdk.pull ? prometheusText(await sdk.pull.collect()) : undefined),
    async [Symbol.asyncDispose]() {
      stopObserving();
      stopped ??= sdk.stop();
      await stopped;
    },
  };
}

/** OTEL_SDK_DISABLED: listens to nothing. */
function silent(): TelemetrySink {
  return {
    name: "telemetry",
    begin: () => undefined,
    state: () => ({ state: "off" }),
    trace: () => undefined,
    flush: async () => undefined,
    prometheusText: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}
