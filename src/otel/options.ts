import type { ExchangeSink } from "../core/sink.ts";

export type Vocabulary = "1.41" | "latest" | "both";
export type CaptureContent = "none" | "span" | "event" | "both";
export type OtlpProtocol = "http/json" | "http/protobuf";

/** What the recorder counts, read at each collection of metrics. */
export interface RecorderStats {
  readonly queueUsage: number;
  /** Records that may wait; undefined where the queue is bounded by something else. */
  readonly queueLimit?: number | undefined;
  /** Exchanges since start, by what became of them. */
  readonly written: number;
  readonly dropped: number;
  readonly failed: number;
  /** page_count * page_size; undefined until known. */
  readonly dbBytes?: number;
  /** Durations of the transactions since the last call, in milliseconds. */
  readonly writeMs?: readonly number[];
}

/** Facts that other rooms hold. Called at each collection of metrics; must return at once. */
export interface Gauges {
  readonly recorder?: () => RecorderStats | undefined;
  /** Last answer of a poll of `/slots`; absent unless polling is on. */
  readonly slots?: () => { readonly idle: number; readonly processing: number; readonly limit: number } | undefined;
  /** Outcome of the last poll of `/health`; absent unless polling is on. */
  readonly server?: () => "ok" | "loading" | "unreachable" | "error" | undefined;
  /** Whether the exchange goes to the database: `llama_proxy.recorded`. Asked when the exchange ends. */
  readonly recorded?: (exchangeId: string) => boolean;
}

export interface TelemetryOptions {
  /** `process.env`, handed in. Standard OTEL_* variables win over the members below, as the environment wins over the file. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Base address for OTLP/HTTP, without `/v1/traces`. Undefined: OTEL_EXPORTER_OTLP_*ENDPOINT; a signal that has none is not exported. */
  readonly endpoint?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocol?: OtlpProtocol;
  /** True keeps metrics ready for `prometheusText`; no endpoint is needed for that. Default false. */
  readonly pull?: boolean;
  readonly semconv?: Vocabulary;
  readonly captureContent?: CaptureContent;
  /** Captured content is cut to this many characters per part. */
  readonly contentMaxChars?: number;
  readonly providerName?: string;
  /** Distinct model names on metrics; the rest becomes `_OTHER`. */
  readonly maxModels?: number;
  readonly histograms?: "explicit" | "exponential";
  readonly serverMetrics?: boolean;
  /** Also `v8js.memory.heap.used`. */
  readonly heapMetrics?: boolean;
  readonly serviceVersion: string;
  /** llama-server as configured. */
  readonly backend: { readonly address: string; readonly port: number };
  readonly shutdownTimeoutMs?: number;
  readonly exportIntervalMs?: number;
  /** Request header that carries the conversation id. */
  readonly conversationIdHeader?: string | undefined;
  readonly gauges?: Gauges;
  /**
   * What there is to tell: that exports fail and that they work again (once each), a variable that
   * makes no sense. The SDK's own diagnostics come as `debug`, or as they are when OTEL_LOG_LEVEL is set.
   */
  readonly onDiagnostic?: (level: "error" | "warn" | "info" | "debug", message: string) => void;
}

/** Counts of one signal since start. */
export interface SignalState {
  readonly exported: number;
  /** Handed to the exporter and refused or lost there. */
  readonly failed: number;
  /** Not queued: the queue was full. */
  readonly dropped: number;
  /** Waiting or under way. */
  readonly queued: number;
}

/** For the status route. */
export interface TelemetryState {
  /** `loading` before the SDK is there; `off` when OTEL_SDK_DISABLED or nothing to do; `failed` when it could not be loaded. */
  readonly state: "loading" | "on" | "off" | "failed";
  readonly endpoint?: string | undefined;
  readonly protocol?: string | undefined;
  readonly semconv?: Vocabulary;
  readonly captureContent?: CaptureContent;
  readonly spans?: SignalState;
  readonly logs?: SignalState;
  readonly metrics?: { readonly exported: number; readonly failed: number };
  readonly lastError?: string | undefined;
  /** Distinct models seen; at the cap the rest is `_OTHER`. */
  readonly models?: number;
}

export interface TraceIds {
  readonly traceId: string;
  readonly spanId: string;
}

/** Listens to exchanges and exports spans, metrics and events. Disposal flushes, within `shutdownTimeoutMs`. */
export interface TelemetrySink extends ExchangeSink, AsyncDisposable {
  state(): TelemetryState;
  /** Ids of the exchange's server span, from its begin until its end has been told to every sink. */
  trace(exchangeId: string): TraceIds | undefined;
  /** Exports what is there now. Rejects when the export fails. */
  flush(): Promise<void>;
  /** Metrics as Prometheus text, under the names a Collector would give them. Undefined unless `pull` is on. */
  prometheusText(): Promise<string | undefined>;
}
