import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPMetricExporter as OTLPProtoMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import {
  AggregationType,
  InstrumentType,
  type MetricProducer,
  MetricReader,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
  type ResourceMetrics,
  type ViewOptions,
} from "@opentelemetry/sdk-metrics";
import { METRICS } from "./catalogue.ts";
import { exporterConfig } from "./queues.ts";
import type { Settings } from "./settings.ts";
import { counted, type Tally } from "./tally.ts";

/** Attribute sets per metric; more becomes one set `otel.metric.overflow=true`. */
const MAX_SERIES = 500;

/** Pushes metrics every `exportIntervalMs`. */
export function createPushReader(
  settings: Settings,
  headers: Record<string, string>,
  metricProducers: MetricProducer[],
  tally: Tally,
): PeriodicExportingMetricReader {
  const config = exporterConfig(settings.metrics, headers);
  const inner = settings.metrics.protocol === "http/protobuf" ? new OTLPProtoMetricExporter(config) : new OTLPMetricExporter(config);
  const exporter: PushMetricExporter = {
    export: counted<ResourceMetrics>(inner, () => 1, tally),
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown(),
    selectAggregationTemporality: (type) => inner.selectAggregationTemporality(type),
    selectAggregation: (type) =>
      settings.histograms === "exponential" && type === InstrumentType.HISTOGRAM
        ? { type: AggregationType.EXPONENTIAL_HISTOGRAM }
        : inner.selectAggregation(type),
  };
  return new PeriodicExportingMetricReader({
    exporter,
    metricProducers,
    exportIntervalMillis: settings.exportIntervalMs,
    exportTimeoutMillis: Math.min(settings.metrics.timeoutMs ?? settings.exportIntervalMs, settings.exportIntervalMs),
    cardinalityLimits: { default: MAX_SERIES },
  });
}

/** Metrics that wait to be asked for. */
export class PullReader extends MetricReader {
  constructor(metricProducers: MetricProducer[]) {
    super({ metricProducers, cardinalitySelector: () => MAX_SERIES });
  }

  protected override async onForceFlush(): Promise<void> {}

  protected override async onShutdown(): Promise<void> {}
}

/** The one histogram that is not ours gets the contract's boundaries: its own end at 10 s. */
export function viewsOf(settings: Settings, pull: boolean): ViewOptions[] {
  // A view decides for every reader, and the text of the pull endpoint has no exponential histograms.
  if (settings.histograms === "exponential" && !pull) return [];
  const name = "http.client.request.duration";
  return [
    {
      instrumentName: name,
      aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options: { boundaries: [...METRICS[name].boundaries] } },
    },
  ];
}
