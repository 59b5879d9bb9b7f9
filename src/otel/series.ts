import { ValueType, type Attributes, type Meter, type MeterProvider } from "@opentelemetry/api";
import type { InstrumentationScope } from "@opentelemetry/core";
import { emptyResource } from "@opentelemetry/resources";
import { AggregationTemporality, DataPointType, type MetricData, type MetricProducer } from "@opentelemetry/sdk-metrics";
import { AttributeSet } from "./attribute-set.ts";
import type { MetricDefinition } from "./catalogue.ts";
import { definitionOf, type MakeRecorder, type Recorder } from "./instruments.ts";
import { HistogramPoint, SumPoint, timeNow, type Point } from "./points.ts";

/**
 * Metrics that are recorded with every exchange or every frame. The SDK sorts and serializes the attributes at each
 * `record` (1 to 2 us); here they are an AttributeSet, and a series is found by identity. The readers get these
 * metrics, cumulative and with explicit buckets, from a producer beside the SDK's.
 */
export interface OwnMetrics {
  recorderOf(scope: InstrumentationScope): MakeRecorder;
  readonly producer: MetricProducer;
}

/** As the SDK's limit for its metrics (readers.ts): what is beyond shares one series. */
const MAX_SERIES = 499;

/** Undefined while nothing was recorded. */
type Collector = () => MetricData | undefined;

export function createOwnMetrics(): OwnMetrics {
  const scopes: { readonly scope: InstrumentationScope; readonly collectors: readonly Collector[] }[] = [];
  return {
    recorderOf(scope) {
      const collectors: Collector[] = [];
      scopes.push({ scope, collectors });
      return (name, definition) => {
        const { recorder, collect } = definition.instrument === "histogram" ? histogram(name, definition) : sum(name, definition);
        collectors.push(collect);
        return recorder;
      };
    },
    producer: {
      collect() {
        const scopeMetrics = scopes
          .map(({ scope, collectors }) => ({ scope, metrics: collectors.map((collect) => collect()).filter((data) => data !== undefined) }))
          .filter(({ metrics }) => metrics.length > 0);
        return Promise.resolve({ resourceMetrics: { resource: emptyResource(), scopeMetrics }, errors: [] });
      },
    },
  };
}

/** The provider, with histograms of our own in its meters: for somebody else's instrumentation. */
export function withOwnHistograms(provider: MeterProvider, own: OwnMetrics): MeterProvider {
  const none = new AttributeSet();
  return {
    getMeter(scope, version, options) {
      const make = own.recorderOf({ name: scope, ...(version === undefined ? {} : { version }) });
      const createHistogram: Meter["createHistogram"] = (name, { description = "" } = {}) => {
        const recorder = make(name, { ...definitionOf(name), description });
        return { record: (value: number, attributes: Attributes = {}) => recorder.record(value, none.withAll(attributes)) };
      };
      const meter = provider.getMeter(scope, version, options);
      return Object.create(meter, { createHistogram: { value: createHistogram } }) as Meter;
    },
  };
}

interface OwnMetric {
  readonly recorder: Recorder;
  readonly collect: Collector;
}

function sum(name: string, definition: MetricDefinition): OwnMetric {
  const points = new Points((attributes) => new SumPoint(attributes, definition));
  return {
    recorder: points,
    collect() {
      const dataPoints = points.data();
      if (dataPoints.length === 0) return undefined;
      const isMonotonic = definition.instrument === "counter";
      return { ...described(name, definition), dataPointType: DataPointType.SUM, isMonotonic, dataPoints };
    },
  };
}

function histogram(name: string, definition: MetricDefinition): OwnMetric {
  const points = new Points((attributes) => new HistogramPoint(attributes, definition));
  return {
    recorder: points,
    collect() {
      const dataPoints = points.data();
      if (dataPoints.length === 0) return undefined;
      return { ...described(name, definition), dataPointType: DataPointType.HISTOGRAM, dataPoints };
    },
  };
}

function described(name: string, { description, unit, type }: MetricDefinition) {
  return {
    descriptor: { name, description, unit, valueType: type === "int" ? ValueType.INT : ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  } as const;
}

class Points<T> implements Recorder {
  readonly #create: (attributes: Attributes) => Point<T>;
  readonly #points = new Map<AttributeSet, Point<T>>();
  #overflow: Point<T> | undefined;

  constructor(create: (attributes: Attributes) => Point<T>) {
    this.#create = create;
  }

  series(set: AttributeSet): Point<T> {
    let point = this.#points.get(set);
    if (point) return point;
    if (this.#points.size >= MAX_SERIES) return (this.#overflow ??= this.#create({ "otel.metric.overflow": true }));
    this.#points.set(set, (point = this.#create(set.attributes)));
    return point;
  }

  record(value: number, set: AttributeSet): void {
    this.series(set).record(value);
  }

  data() {
    const endTime = timeNow();
    return [...this.#points.values(), ...(this.#overflow ? [this.#overflow] : [])].map((point) => point.data(endTime));
  }
}
