import type { MeterProvider } from "@opentelemetry/api";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter as OTLPProtoLogExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as OTLPProtoTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchLogRecordProcessor, type LogRecordExporter, type LogRecordProcessor } from "@opentelemetry/sdk-logs";
import { BatchSpanProcessor, type SpanExporter, type SpanProcessor } from "@opentelemetry/sdk-trace";
import type { BatchSettings, Signal } from "./settings.ts";
import { counted, type Tally } from "./tally.ts";

/**
 * A bounded queue before an exporter. It opens when the SDK has started, because only then is there
 * a meter provider for the SDK's metrics about itself (OTEL_NODE_EXPERIMENTAL_SDK_METRICS).
 */
export interface Queue<P> {
  readonly processor: P;
  open(selfObsMeterProvider: MeterProvider | undefined): void;
}

export function createSpanQueue(signal: Signal, headers: Record<string, string>, batch: BatchSettings, tally: Tally): Queue<SpanProcessor> {
  const inner: SpanExporter =
    signal.protocol === "http/protobuf"
      ? new OTLPProtoTraceExporter(exporterConfig(signal, headers))
      : new OTLPTraceExporter(exporterConfig(signal, headers));
  const exporter: SpanExporter = {
    export: counted(inner, (spans) => spans.length, tally),
    forceFlush: async () => inner.forceFlush?.(),
    shutdown: () => inner.shutdown(),
  };
  let queue: BatchSpanProcessor | undefined;
  return {
    processor: {
      onStart: () => undefined,
      onEnd(span) {
        // Spans that are not sampled go no further than here.
        if ((span.spanContext().traceFlags & 1) === 1 && queue && tally.admit()) queue.onEnd(span);
      },
      forceFlush: async () => queue?.forceFlush(),
      shutdown: async () => queue?.shutdown(),
    },
    open(selfObsMeterProvider) {
      queue = new BatchSpanProcessor({ exporter, ...batch, ...(selfObsMeterProvider ? { selfObsMeterProvider } : {}) });
    },
  };
}

export function createLogQueue(
  signal: Signal,
  headers: Record<string, string>,
  batch: BatchSettings,
  tally: Tally,
): Queue<LogRecordProcessor> {
  const inner: LogRecordExporter =
    signal.protocol === "http/protobuf"
      ? new OTLPProtoLogExporter(exporterConfig(signal, headers))
      : new OTLPLogExporter(exporterConfig(signal, headers));
  const exporter: LogRecordExporter = {
    export: counted(inner, (records) => records.length, tally),
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown(),
  };
  let queue: BatchLogRecordProcessor | undefined;
  return {
    processor: {
      onEmit(record) {
        if (queue && tally.admit()) queue.onEmit(record);
      },
      forceFlush: async () => queue?.forceFlush(),
      shutdown: async () => queue?.shutdown(),
    },
    open(selfObsMeterProvider) {
      queue = new BatchLogRecordProcessor({ exporter, ...batch, ...(selfObsMeterProvider ? { selfObsMeterProvider } : {}) });
    },
  };
}

export function exporterConfig(signal: Signal, headers: Record<string, string>) {
  return {
    headers,
    ...(signal.url === undefined ? {} : { url: signal.url }),
    ...(signal.timeoutMs === undefined ? {} : { timeoutMillis: signal.timeoutMs }),
  };
}
