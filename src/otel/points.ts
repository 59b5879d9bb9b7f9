import type { Attributes, HrTime } from "@opentelemetry/api";
import type { DataPoint, Histogram } from "@opentelemetry/sdk-metrics";
import type { MetricDefinition } from "./catalogue.ts";
import type { Series } from "./instruments.ts";

/** A cumulative data point: one series of a metric, from its first value on. What the SDK would not count is not counted. */
export interface Point<T> extends Series {
  data(endTime: HrTime): DataPoint<T>;
}

export class SumPoint implements Point<number> {
  readonly #attributes: Attributes;
  readonly #definition: MetricDefinition;
  readonly #startTime = timeNow();
  #sum = 0;

  constructor(attributes: Attributes, definition: MetricDefinition) {
    this.#attributes = attributes;
    this.#definition = definition;
  }

  record(value: number): void {
    if (!Number.isFinite(value) || (value < 0 && this.#definition.instrument === "counter")) return;
    this.#sum += this.#definition.type === "int" ? Math.trunc(value) : value;
  }

  data(endTime: HrTime): DataPoint<number> {
    return { attributes: this.#attributes, startTime: this.#startTime, endTime, value: this.#sum };
  }
}

export class HistogramPoint implements Point<Histogram> {
  readonly #attributes: Attributes;
  readonly #whole: boolean;
  readonly #boundaries: readonly number[];
  readonly #startTime = timeNow();
  readonly #counts: number[];
  #sum = 0;
  #count = 0;
  #min = Infinity;
  #max = -Infinity;

  constructor(attributes: Attributes, { type, boundaries = [] }: MetricDefinition) {
    this.#attributes = attributes;
    this.#whole = type === "int";
    this.#boundaries = boundaries;
    this.#counts = Array.from({ length: boundaries.length + 1 }, () => 0);
  }

  record(value: number): void {
    if (!Number.isFinite(value) || value < 0) return;
    const counted = this.#whole ? Math.trunc(value) : value;
    const boundaries = this.#boundaries;
    // A bucket holds what is above the boundary before it and up to its own.
    let low = 0;
    let high = boundaries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (counted <= (boundaries[middle] ?? Infinity)) high = middle;
      else low = middle + 1;
    }
    this.#counts[low] = (this.#counts[low] ?? 0) + 1;
    this.#sum += counted;
    this.#count += 1;
    this.#min = Math.min(this.#min, counted);
    this.#max = Math.max(this.#max, counted);
  }

  data(endTime: HrTime): DataPoint<Histogram> {
    const buckets = { boundaries: [...this.#boundaries], counts: [...this.#counts] };
    const value = { buckets, sum: this.#sum, count: this.#count, min: this.#min, max: this.#max };
    return { attributes: this.#attributes, startTime: this.#startTime, endTime, value };
  }
}

/** Unix time as the SDK writes it. */
export function timeNow(): HrTime {
  const ms = Date.now();
  return [Math.floor(ms / 1000), (ms % 1000) * 1e6];
}
