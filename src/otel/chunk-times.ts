import { ValueType, type Attributes, type HrTime } from "@opentelemetry/api";
import { emptyResource } from "@opentelemetry/resources";
import { AggregationTemporality, DataPointType, type HistogramMetricData, type MetricProducer } from "@opentelemetry/sdk-metrics";
import { METRICS } from "./catalogue.ts";
import type { Recorder } from "./instruments.ts";
import type { Vocabulary } from "./options.ts";
import { SCOPE, spellings } from "./semconv.ts";

/**
 * Time per output chunk, the one metric that is recorded for every frame of every stream. The SDK
 * serializes the attributes at each `record` (0.7 us); here a stream looks its cell up once and a
 * frame costs a binary search. The cells are handed to the readers as a producer of their own.
 */
export interface ChunkTimes {
  /** Where a stream with these attributes records its seconds. */
  cell(attributes: Attributes): ChunkCell;
}

export interface ChunkCell {
  record(seconds: number): void;
}

/** As the SDK's limit for its own metrics (readers.ts): what is beyond shares one cell. */
const MAX_CELLS = 499;

const METRIC = "gen_ai.client.inference.time_per_output_chunk";

/** Through the SDK's own histogram, for readers whose temporality or aggregation a producer does not follow. */
export function chunkTimesThrough(histogram: Recorder): ChunkTimes {
  return { cell: (attributes) => ({ record: (seconds) => histogram.record(seconds, attributes) }) };
}

interface Cell extends ChunkCell {
  readonly attributes: Attributes;
  readonly startTime: HrTime;
  readonly counts: number[];
  sum: number;
  count: number;
  min: number;
  max: number;
}

/** Cumulative explicit-bucket histograms. */
export function createChunkTimes(vocabulary: Vocabulary, version: string): ChunkTimes & { readonly producer: MetricProducer } {
  const definition = METRICS[METRIC];
  const boundaries = [...definition.boundaries];
  const cells = new Map<string, Cell>();
  const overflow = createCell({ "otel.metric.overflow": true }, boundaries);

  function metric(name: string): HistogramMetricData {
    const endTime = now();
    return {
      descriptor: { name, description: definition.description, unit: definition.unit, valueType: ValueType.DOUBLE },
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: [...cells.values(), ...(overflow.count > 0 ? [overflow] : [])].map(
        ({ attributes, startTime, counts, sum, count, min, max }) => ({
          attributes,
          startTime,
          endTime,
          value: { buckets: { boundaries, counts: [...counts] }, sum, count, min, max },
        }),
      ),
    };
  }

  return {
    cell(attributes) {
      const key = JSON.stringify(attributes);
      let cell = cells.get(key);
      if (cell) return cell;
      if (cells.size >= MAX_CELLS) return overflow;
      cell = createCell(attributes, boundaries);
      cells.set(key, cell);
      return cell;
    },
    producer: {
      collect: () => {
        const metrics = cells.size === 0 ? [] : spellings(METRIC, vocabulary).map(({ name }) => metric(name));
        const scopeMetrics = metrics.length === 0 ? [] : [{ scope: { name: SCOPE, version }, metrics }];
        return Promise.resolve({ resourceMetrics: { resource: emptyResource(), scopeMetrics }, errors: [] });
      },
    },
  };
}

function createCell(attributes: Attributes, boundaries: readonly number[]): Cell {
  const counts = Array.from({ length: boundaries.length + 1 }, () => 0);
  return {
    attributes,
    startTime: now(),
    counts,
    sum: 0,
    count: 0,
    min: Infinity,
    max: -Infinity,
    record(seconds) {
      // A bucket holds what is above the boundary before it and up to its own.
      let low = 0;
      let high = boundaries.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (seconds <= (boundaries[middle] ?? Infinity)) high = middle;
        else low = middle + 1;
      }
      counts[low] = (counts[low] ?? 0) + 1;
      this.sum += seconds;
      this.count += 1;
      this.min = Math.min(this.min, seconds);
      this.max = Math.max(this.max, seconds);
    },
  };
}

function now(): HrTime {
  const ms = Date.now();
  return [Math.floor(ms / 1000), (ms % 1000) * 1e6];
}
