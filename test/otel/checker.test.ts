import { describe, expect, test } from "vitest";
import { startTelemetry } from "../../src/otel/telemetry.ts";
import { endOf, startOf, viewOf } from "../support/exchanges.ts";
import { checkTelemetry } from "../support/otlp-checker.ts";
import { startOtlpReceiver, type Received, type ReceivedMetric, type ReceivedSpan, type Values } from "../support/otlp-receiver.ts";
import { optionsFor } from "../support/telemetry-options.ts";

/** What one good exchange exports. */
async function good(): Promise<Received> {
  await using receiver = await startOtlpReceiver();
  await using telemetry = await startTelemetry(optionsFor(receiver.url));
  const tap = telemetry.begin(startOf());
  tap?.request?.(viewOf({ model: "qwen" }), new Uint8Array());
  tap?.end(
    endOf({
      summary: { finishReasons: ["stop"], toolCalls: 0, chunks: 0, usage: { promptTokens: 3, completionTokens: 2 } },
      notes: [{ fix: "a_fix", action: "fixed", target: "content" }],
    }),
  );
  await telemetry.flush();
  return receiver.received;
}

type Change = (received: Received) => Received;

function spans(change: (span: ReceivedSpan) => ReceivedSpan | ReceivedSpan[]): Change {
  return (received) => ({ ...received, spans: received.spans.flatMap(change) });
}

function metrics(change: (metric: ReceivedMetric) => ReceivedMetric): Change {
  return (received) => ({ ...received, metrics: received.metrics.map(change) });
}

function without(values: Values, name: string): Values {
  return Object.fromEntries(Object.entries(values).filter(([key]) => key !== name));
}

const text = (value: string) => ({ type: "string", value }) as const;
const inference = (change: (span: ReceivedSpan) => ReceivedSpan) => spans((span) => (span.kind === 3 ? change(span) : span));
const server = (change: (span: ReceivedSpan) => ReceivedSpan) => spans((span) => (span.kind === 2 ? change(span) : span));

const FAULTS: Readonly<Record<string, readonly [Change, RegExp]>> = {
  "a span that lacks a required attribute": [
    inference((s) => ({ ...s, attributes: without(s.attributes, "gen_ai.provider.name") })),
    /lacks gen_ai.provider.name/,
  ],
  "an attribute nobody agreed on": [
    server((s) => ({ ...s, attributes: { ...s.attributes, "gen_ai.system": text("x") } })),
    /not in its list/,
  ],
  "a text where a number belongs": [
    inference((s) => ({ ...s, attributes: { ...s.attributes, "gen_ai.usage.input_tokens": text("3") } })),
    /is string, not int/,
  ],
  "a value outside a closed list": [
    inference((s) => ({ ...s, attributes: { ...s.attributes, "llama_proxy.api.type": text("x") } })),
    /none of its values/,
  ],
  "a wrong kind": [inference((s) => ({ ...s, kind: 1 })), /has kind 1/],
  "a wrong name": [server((s) => ({ ...s, name: "GET /x" })), /should be named/],
  "an error without a type": [inference((s) => ({ ...s, status: 2 })), /without an error.type/],
  "a type without an error": [inference((s) => ({ ...s, attributes: { ...s.attributes, "error.type": text("500") } })), /no error status/],
  "an error type of no class": [
    inference((s) => ({ ...s, status: 2, attributes: { ...s.attributes, "error.type": text("Error: boom 17") } })),
    /not in the contract/,
  ],
  "a 500 that is no error": [
    server((s) => ({ ...s, attributes: { ...s.attributes, "http.response.status_code": { type: "int", value: 500 } } })),
    /is no error/,
  ],
  "an orphan": [inference((s) => ({ ...s, parentSpanId: "0000000000000001" })), /orphaned/],
  "a span twice": [spans((s) => [s, s]), /exported twice/],
  "a span event": [server((s) => ({ ...s, events: 1 })), /span events/],
  "an unknown metric": [metrics((m) => ({ ...m, name: "llama_proxy.secret" })), /not in the contract/],
  "a metric of the other vocabulary": [
    metrics((m) => (m.name === "gen_ai.client.operation.duration" ? { ...m, name: "gen_ai.client.inference.duration" } : m)),
    /not in the contract/,
  ],
  "a wrong unit": [metrics((m) => ({ ...m, unit: "ms" })), /has unit ms/],
  "a counter as a gauge": [metrics((m) => (m.instrument === "counter" ? { ...m, instrument: "gauge" } : m)), /is a gauge/],
  "ints as doubles": [metrics((m) => ({ ...m, points: m.points.map((p) => ({ ...p, int: false })) })), /sent as double/],
  "other boundaries": [metrics((m) => ({ ...m, points: m.points.map((p) => (p.bounds ? { ...p, bounds: [1, 2] } : p)) })), /boundaries/],
  "delta temporality": [metrics((m) => ({ ...m, temporality: 1 })), /not cumulative/],
  "a host name on the resource": [server((s) => ({ ...s, resource: { ...s.resource, "host.name": text("h") } })), /host.name/],
  "a wrong severity": [(r) => ({ ...r, logs: r.logs.map((log) => ({ ...log, severity: 17 })) }), /severity 17/],
  "an event without a span": [(r) => ({ ...r, logs: r.logs.map((log) => ({ ...log, spanId: "" })) }), /no exported span/],
};

describe("the checker finds", () => {
  test.each(Object.entries(FAULTS))("%s", async (_name, [change, expected]) => {
    const received = await good();
    expect(checkTelemetry(received, { vocabulary: "1.41" })).toEqual([]);
    expect(checkTelemetry(change(received), { vocabulary: "1.41" }).join("\n")).toMatch(expected);
  });

  test("two server spans of one request", async () => {
    const received = await good();
    const span = received.spans.find((each) => each.kind === 2);
    const doubled = span ? [...received.spans, { ...span, spanId: "00000000000000aa" }] : [];
    expect(checkTelemetry({ ...received, spans: doubled }, { vocabulary: "1.41" }).join("\n")).toMatch(/has 2 server spans/);
  });
});
