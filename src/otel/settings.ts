import type { CaptureContent, OtlpProtocol, TelemetryOptions, Vocabulary } from "./options.ts";

/** Options and standard variables, weighed: what telemetry really does. */
export interface Settings {
  readonly disabled: boolean;
  /** A declarative configuration decides over providers and exporters. */
  readonly configFile: string | undefined;
  readonly semconv: Vocabulary;
  readonly captureContent: CaptureContent;
  readonly contentMaxChars: number;
  readonly histograms: "explicit" | "exponential";
  readonly traces: Signal;
  readonly metrics: Signal;
  readonly logs: Signal;
  /** The environment names what only sdk-node knows how to make. */
  readonly needsNodeSdk: boolean;
  /** Detectors named by OTEL_NODE_RESOURCE_DETECTORS take the place of ours. */
  readonly ownDetectors: boolean;
  readonly sdkMetrics: boolean;
  /** Metrics are cumulative with explicit buckets, and the readers are ours. */
  readonly plainHistograms: boolean;
  readonly exportIntervalMs: number;
  readonly shutdownTimeoutMs: number;
  readonly queue: { readonly spans: BatchSettings; readonly logs: BatchSettings };
  readonly logLevel: string | undefined;
}

export interface Signal {
  /** False where OTEL_*_EXPORTER says none, or nobody said where to. */
  readonly on: boolean;
  readonly protocol: OtlpProtocol;
  /** Full address; undefined is the exporter's own default (OTEL_*_EXPORTER=otlp and nothing else). */
  readonly url: string | undefined;
  /** Undefined leaves it to the exporter: OTEL_EXPORTER_OTLP_TIMEOUT is set. */
  readonly timeoutMs: number | undefined;
}

export interface BatchSettings {
  readonly maxQueueSize: number;
  readonly maxExportBatchSize: number;
  readonly scheduledDelayMillis: number;
  readonly exportTimeoutMillis: number;
}

/** A collector that does not answer within this is given up for that batch. */
const EXPORT_TIMEOUT_MS = 3000;
/** Spans and events that may wait for export; the SDK's default of 2,048 is gone in seconds. */
const MAX_QUEUE = 8192;

const DEFAULT_AGGREGATION = "explicit_bucket_histogram";

/** Samplers, propagators, detectors by name, and limits. */
const NODE_SDK_ONLY =
  /^OTEL_(?:TRACES_SAMPLER|PROPAGATORS|NODE_RESOURCE_DETECTORS|(?:SPAN|EVENT|LINK|LOGRECORD)_[A-Z_]*LIMIT|ATTRIBUTE_[A-Z_]+_LIMIT)$/;

const CAPTURE: ReadonlyMap<string, CaptureContent> = new Map<string, CaptureContent>([
  ["NO_CONTENT", "none"],
  ["SPAN_ONLY", "span"],
  ["EVENT_ONLY", "event"],
  ["SPAN_AND_EVENT", "both"],
]);

/** `warn` is told of values that are not understood. */
export function settle(options: TelemetryOptions, warn: (message: string) => void): Settings {
  const read = (name: string) => options.env[name]?.trim() || undefined;
  const number = (name: string) => {
    const text = read(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (Number.isFinite(value) && value > 0) return value;
    warn(`${name}=${text} is not a positive number and is ignored`);
    return undefined;
  };

  function protocolOf(signal: string): OtlpProtocol {
    const named = read(`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`) ?? read("OTEL_EXPORTER_OTLP_PROTOCOL");
    if (named === undefined) return options.protocol ?? "http/json";
    if (named === "http/json" || named === "http/protobuf") return named;
    warn(`OTLP protocol ${named} is not supported; http/protobuf is used`);
    return "http/protobuf";
  }

  function signalOf(signal: "TRACES" | "METRICS" | "LOGS"): Signal {
    const exporter = read(`OTEL_${signal}_EXPORTER`);
    if (exporter !== undefined && exporter !== "otlp" && exporter !== "none") {
      warn(`OTEL_${signal}_EXPORTER=${exporter} is not supported; otlp is used`);
    }
    const timed = read(`OTEL_EXPORTER_OTLP_${signal}_TIMEOUT`) ?? read("OTEL_EXPORTER_OTLP_TIMEOUT");
    const own = read(`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`);
    const base = options.endpoint ?? read("OTEL_EXPORTER_OTLP_ENDPOINT");
    const url = own ?? (base === undefined ? undefined : `${base.replace(/\/+$/, "")}/v1/${signal.toLowerCase()}`);
    return {
      on: exporter !== "none" && (exporter ?? url) !== undefined,
      protocol: protocolOf(signal),
      url,
      timeoutMs: timed === undefined ? EXPORT_TIMEOUT_MS : undefined,
    };
  }

  function batchOf(prefix: "OTEL_BSP" | "OTEL_BLRP"): BatchSettings {
    return {
      maxQueueSize: number(`${prefix}_MAX_QUEUE_SIZE`) ?? MAX_QUEUE,
      maxExportBatchSize: number(`${prefix}_MAX_EXPORT_BATCH_SIZE`) ?? 512,
      scheduledDelayMillis: number(`${prefix}_SCHEDULE_DELAY`) ?? (prefix === "OTEL_BSP" ? 5000 : 1000),
      exportTimeoutMillis: number(`${prefix}_EXPORT_TIMEOUT`) ?? EXPORT_TIMEOUT_MS,
    };
  }

  const capture = read("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT");
  const captured = capture === undefined ? undefined : CAPTURE.get(capture.toUpperCase());
  if (capture !== undefined && captured === undefined) {
    warn(`OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=${capture} is none of ${[...CAPTURE.keys()].join(", ")}; it is ignored`);
  }
  return {
    disabled: read("OTEL_SDK_DISABLED")?.toLowerCase() === "true",
    configFile: read("OTEL_CONFIG_FILE"),
    semconv: options.semconv ?? "1.41",
    captureContent: captured ?? options.captureContent ?? "none",
    contentMaxChars: options.contentMaxChars ?? 10_000,
    histograms: options.histograms ?? "explicit",
    traces: signalOf("TRACES"),
    metrics: signalOf("METRICS"),
    logs: signalOf("LOGS"),
    needsNodeSdk: Object.keys(options.env).some((name) => NODE_SDK_ONLY.test(name) && read(name) !== undefined),
    ownDetectors: read("OTEL_NODE_RESOURCE_DETECTORS") === undefined,
    sdkMetrics: read("OTEL_NODE_EXPERIMENTAL_SDK_METRICS")?.toLowerCase() === "true",
    plainHistograms:
      options.histograms !== "exponential" &&
      read("OTEL_CONFIG_FILE") === undefined &&
      (read("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE") ?? "cumulative").toLowerCase() === "cumulative" &&
      (read("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION") ?? DEFAULT_AGGREGATION) === DEFAULT_AGGREGATION,
    exportIntervalMs: number("OTEL_METRIC_EXPORT_INTERVAL") ?? options.exportIntervalMs ?? 15_000,
    shutdownTimeoutMs: options.shutdownTimeoutMs ?? 2000,
    queue: { spans: batchOf("OTEL_BSP"), logs: batchOf("OTEL_BLRP") },
    logLevel: read("OTEL_LOG_LEVEL"),
  };
}
