import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { decode, REQUESTS, type Json } from "./otlp-protobuf.ts";

/** An attribute with the type it had on the wire. */
export interface Value {
  readonly type: "string" | "int" | "double" | "boolean" | "array" | "map";
  readonly value: unknown;
}
export type Values = Readonly<Record<string, Value>>;

interface Origin {
  readonly resource: Values;
  readonly scope: string;
}

export interface ReceivedSpan extends Origin {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  /** 2 server, 3 client. */
  readonly kind: number;
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Values;
  /** 0 unset, 1 ok, 2 error. */
  readonly status: number;
  readonly message: string;
  readonly events: number;
}

interface ReceivedPoint {
  readonly attributes: Values;
  /** Of sums and gauges. */
  readonly value: number | undefined;
  readonly int: boolean;
  /** Of histograms. */
  readonly count: number;
  readonly sum: number;
  readonly bounds: readonly number[] | undefined;
  readonly counts: readonly number[];
}

export interface ReceivedMetric extends Origin {
  readonly name: string;
  readonly unit: string;
  readonly instrument: "histogram" | "exponential" | "counter" | "updowncounter" | "gauge";
  /** 2 is cumulative. */
  readonly temporality: number | undefined;
  readonly points: readonly ReceivedPoint[];
}

export interface ReceivedLog extends Origin {
  readonly eventName: string;
  readonly severity: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Values;
}

export interface Received {
  readonly spans: ReceivedSpan[];
  readonly logs: ReceivedLog[];
  /** The last export of metrics: they are cumulative. */
  metrics: ReceivedMetric[];
}

export interface OtlpReceiver extends AsyncDisposable {
  readonly url: string;
  readonly received: Received;
  /** Content types of the requests that came. */
  readonly types: Set<string>;
  readonly headers: IncomingMessage["headers"][];
  /** Status of its answers from now on; 0 hangs. */
  answer: number;
}

/** A collector's OTLP/HTTP door: JSON and protobuf, gzip or not. `status` makes it refuse or hang (`0`). */
export async function startOtlpReceiver(status: number = 200): Promise<OtlpReceiver> {
  const received: Received = { spans: [], logs: [], metrics: [] };
  const types = new Set<string>();
  const headers: IncomingMessage["headers"][] = [];
  const server = createServer(async (request, response) => {
    headers.push(request.headers);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { answer } = receiver;
    if (answer === 0) return;
    const type = request.headers["content-type"] ?? "";
    types.add(type);
    const signal = /^\/v1\/(traces|metrics|logs)$/.exec(request.url ?? "")?.[1];
    if (answer === 200 && signal) {
      const raw = Buffer.concat(chunks);
      const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(raw) : raw;
      take(received, signal, type.includes("protobuf") ? decode(body, REQUESTS[signal] ?? {}) : (JSON.parse(body.toString()) as Json));
    }
    response.writeHead(signal ? answer : 404, { "content-type": type }).end(type.includes("protobuf") ? "" : "{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const receiver: OtlpReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    types,
    headers,
    answer: status,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}

function take(received: Received, signal: string, body: Json): void {
  if (signal === "traces") {
    each(body, "resourceSpans", "scopeSpans", "spans", (origin, span) => received.spans.push(spanOf(origin, span)));
  } else if (signal === "logs") {
    each(body, "resourceLogs", "scopeLogs", "logRecords", (origin, log) =>
      received.logs.push({
        ...origin,
        eventName: text(log["eventName"]),
        severity: Number(log["severityNumber"] ?? 0),
        traceId: text(log["traceId"]),
        spanId: text(log["spanId"]),
        attributes: valuesOf(log["attributes"]),
      }),
    );
  } else {
    const metrics: ReceivedMetric[] = [];
    each(body, "resourceMetrics", "scopeMetrics", "metrics", (origin, metric) => metrics.push(metricOf(origin, metric)));
    received.metrics = metrics;
  }
}

function each(body: Json, resources: string, scopes: string, items: string, use: (origin: Origin, item: Json) => void): void {
  for (const group of list(body[resources])) {
    const resource = valuesOf((group["resource"] as Json | undefined)?.["attributes"]);
    for (const scoped of list(group[scopes])) {
      const scope = text((scoped["scope"] as Json | undefined)?.["name"]);
      for (const item of list(scoped[items])) use({ resource, scope }, item);
    }
  }
}

function spanOf(origin: Origin, span: Json): ReceivedSpan {
  const status = (span["status"] ?? {}) as Json;
  return {
    ...origin,
    traceId: text(span["traceId"]),
    spanId: text(span["spanId"]),
    parentSpanId: text(span["parentSpanId"]),
    name: text(span["name"]),
    kind: Number(span["kind"] ?? 0),
    start: BigInt(text(span["startTimeUnixNano"]) || 0),
    end: BigInt(text(span["endTimeUnixNano"]) || 0),
    attributes: valuesOf(span["attributes"]),
    status: Number(status["code"] ?? 0),
    message: text(status["message"]),
    events: list(span["events"]).length,
  };
}

function metricOf(origin: Origin, metric: Json): ReceivedMetric {
  const sum = metric["sum"] as Json | undefined;
  const kinds = ["gauge", "sum", "histogram", "exponentialHistogram"] as const;
  const kind = kinds.find((each) => metric[each] !== undefined) ?? "gauge";
  const data = (metric[kind] ?? {}) as Json;
  return {
    ...origin,
    name: text(metric["name"]),
    unit: text(metric["unit"]),
    instrument:
      kind === "sum" ? (sum?.["isMonotonic"] ? "counter" : "updowncounter") : kind === "exponentialHistogram" ? "exponential" : kind,
    temporality: data["aggregationTemporality"] === undefined ? undefined : Number(data["aggregationTemporality"]),
    points: list(data["dataPoints"]).map((point) => ({
      attributes: valuesOf(point["attributes"]),
      value: point["asInt"] === undefined && point["asDouble"] === undefined ? undefined : Number(point["asInt"] ?? point["asDouble"]),
      int: point["asInt"] !== undefined,
      count: Number(point["count"] ?? 0),
      sum: Number(point["sum"] ?? 0),
      bounds: point["explicitBounds"] as number[] | undefined,
      counts: ((point["bucketCounts"] ?? []) as unknown[]).map(Number),
    })),
  };
}

function valuesOf(pairs: unknown): Values {
  return Object.fromEntries(list(pairs).map((pair) => [text(pair["key"]), valueOf((pair["value"] ?? {}) as Json)]));
}

function valueOf(any: Json): Value {
  if (any["boolValue"] !== undefined) return { type: "boolean", value: any["boolValue"] };
  if (any["intValue"] !== undefined) return { type: "int", value: Number(any["intValue"]) };
  if (any["doubleValue"] !== undefined) return { type: "double", value: Number(any["doubleValue"]) };
  if (any["arrayValue"] !== undefined) {
    return { type: "array", value: list((any["arrayValue"] as Json)["values"]).map((entry) => valueOf(entry).value) };
  }
  if (any["kvlistValue"] !== undefined) return { type: "map", value: plain(valuesOf((any["kvlistValue"] as Json)["values"])) };
  return { type: "string", value: text(any["stringValue"]) };
}

/** Attributes without their types. */
export function plain(values: Values): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([key, { value }]) => [key, value]));
}

function list(value: unknown): readonly Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}

function text(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}
