import fc from "fast-check";
import { MeterProvider, type MetricData } from "@opentelemetry/sdk-metrics";
import { describe, expect, test } from "vitest";
import { AttributeSet } from "../../src/otel/attribute-set.ts";
import type { MetricName } from "../../src/otel/catalogue.ts";
import { definitionOf, sdkRecorder, type MakeRecorder } from "../../src/otel/instruments.ts";
import { PullReader } from "../../src/otel/readers.ts";
import { createOwnMetrics } from "../../src/otel/series.ts";

const SCOPE = { name: "scope", version: "1" };
/** One of each kind: histogram of seconds, of whole numbers, counter, up-down counter. */
const NAMES = [
  "http.server.request.duration",
  "gen_ai.client.token.usage",
  "llama_proxy.streams",
  "http.server.active_requests",
] satisfies MetricName[];

/** Records through `make`, collects through a reader, and leaves the times out. */
async function collected(work: (make: MakeRecorder) => void, own: boolean) {
  const metrics = createOwnMetrics();
  const reader = new PullReader([metrics.producer]);
  const provider = new MeterProvider({ readers: [reader] });
  work(own ? metrics.recorderOf(SCOPE) : sdkRecorder(provider.getMeter(SCOPE.name, SCOPE.version)));
  const { resourceMetrics } = await reader.collect();
  return resourceMetrics.scopeMetrics.map(({ scope, metrics: found }) => ({
    scope: { name: scope.name, version: scope.version },
    metrics: found.map(untimed),
  }));
}

function untimed(metric: MetricData) {
  const { name, description, unit, valueType } = metric.descriptor;
  return {
    ...metric,
    descriptor: { name, description, unit, valueType },
    dataPoints: metric.dataPoints.map(({ attributes, value }) => ({ attributes, value })),
  };
}

const aValue = fc.oneof(
  fc.constantFrom(0, -1, 0.005, 0.0050001, 1, 1.5, 4, 600, 601, 1e9, Number.NaN),
  fc.double({ noNaN: true, min: -10, max: 1e9 }),
);
const aRecord = fc.tuple(fc.constantFrom(...NAMES), aValue, fc.constantFrom("a", "b", undefined));

test("our metrics are what the SDK makes of the same values", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(aRecord), async (records) => {
      const work = (make: MakeRecorder) => {
        const none = new AttributeSet();
        const recorders = new Map(NAMES.map((name) => [name, make(name, definitionOf(name))]));
        for (const [name, value, model] of records) {
          // A series of whose values none counts is no matter of interest.
          if (Number.isNaN(value) || value < 0) recorders.get(name)?.record(1, none.with("error.type", "x").with("model", model));
          recorders.get(name)?.record(value, none.with("error.type", "x").with("model", model));
        }
      };
      expect(await collected(work, true)).toEqual(await collected(work, false));
    }),
  );
});

describe("a series", () => {
  test("is one more beyond the limit, for all that is beyond, as in the SDK", async () => {
    const work = (make: MakeRecorder) => {
      const none = new AttributeSet();
      const recorder = make("llama_proxy.streams", definitionOf("llama_proxy.streams"));
      for (let i = 0; i < 600; i++) recorder.record(1, none.with("model", i));
    };
    const own = await collected(work, true);
    expect(own).toEqual(await collected(work, false));
    const points = own[0]?.metrics[0]?.dataPoints ?? [];
    expect(points).toHaveLength(500);
    expect(points.at(-1)).toEqual({ attributes: { "otel.metric.overflow": true }, value: 101 });
  });

  test("goes on from where it was, since it began", async () => {
    const metrics = createOwnMetrics();
    const recorder = metrics.recorderOf(SCOPE)("llama_proxy.streams", definitionOf("llama_proxy.streams"));
    const read = async () => (await metrics.producer.collect()).resourceMetrics.scopeMetrics[0]?.metrics[0]?.dataPoints[0];
    expect(await read()).toBeUndefined();
    recorder.record(1, new AttributeSet());
    const first = await read();
    recorder.series(new AttributeSet().with("a", 1)).record(1);
    const none = new AttributeSet();
    recorder.record(2, none);
    recorder.record(3, none);
    const all = (await metrics.producer.collect()).resourceMetrics.scopeMetrics[0]?.metrics[0]?.dataPoints ?? [];
    expect(all[0]?.startTime).toEqual(first?.startTime);
    expect(all.map(({ value }) => value)).toEqual([1, 1, 5]);
  });
});

describe("an attribute set", () => {
  test("is the same object for the same attributes", () => {
    const none = new AttributeSet();
    const set = none.with("a", 1).with("b", "x");
    expect(none.withAll({ a: 1, b: "x", c: undefined })).toBe(set);
    expect(set.with("c", undefined)).toBe(set);
    expect(set.attributes).toEqual({ a: 1, b: "x" });
    expect(none.with("a", "1")).not.toBe(none.with("a", 1));
    expect(none.attributes).toEqual({});
  });

  test("without an attribute is the set that never had it", () => {
    const none = new AttributeSet();
    expect(none.with("a", 1).with("b", 2).with("c", 3).without("b")).toBe(none.with("a", 1).with("c", 3));
    expect(none.without("a")).toBe(none);
  });
});
