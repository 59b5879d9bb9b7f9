/**
 * OTLP's protobuf, read into the shape of OTLP/JSON (opentelemetry-proto v1): enough of the wire
 * format for tests, written against the .proto files' field numbers. 64-bit integers become strings,
 * ids hex, as in OTLP/JSON.
 */
type Kind =
  | "string"
  | "hex"
  | "bool"
  | "varint"
  | "sint"
  | "double"
  | "fixed64"
  | "fixed32"
  | "packed-fixed64"
  | "packed-double"
  | "packed-varint";
type Field = readonly [name: string, kind: Kind | (() => Schema), many?: "many"];
type Schema = { readonly [field: number]: Field };
export type Json = { [key: string]: unknown };

const ANY: Schema = {
  1: ["stringValue", "string"],
  2: ["boolValue", "bool"],
  3: ["intValue", "varint"],
  4: ["doubleValue", "double"],
  5: ["arrayValue", () => ({ 1: ["values", () => ANY, "many"] })],
  6: ["kvlistValue", () => ({ 1: ["values", () => KEY_VALUE, "many"] })],
  7: ["bytesValue", "hex"],
};
const KEY_VALUE: Schema = { 1: ["key", "string"], 2: ["value", () => ANY] };
const RESOURCE: Schema = { 1: ["attributes", () => KEY_VALUE, "many"] };
const SCOPE: Schema = { 1: ["name", "string"], 2: ["version", "string"], 3: ["attributes", () => KEY_VALUE, "many"] };

const SPAN: Schema = {
  1: ["traceId", "hex"],
  2: ["spanId", "hex"],
  3: ["traceState", "string"],
  4: ["parentSpanId", "hex"],
  5: ["name", "string"],
  6: ["kind", "varint"],
  7: ["startTimeUnixNano", "fixed64"],
  8: ["endTimeUnixNano", "fixed64"],
  9: ["attributes", () => KEY_VALUE, "many"],
  11: ["events", () => ({ 1: ["timeUnixNano", "fixed64"], 2: ["name", "string"], 3: ["attributes", () => KEY_VALUE, "many"] }), "many"],
  15: ["status", () => ({ 2: ["message", "string"], 3: ["code", "varint"] })],
};
const NUMBER_POINT: Schema = {
  2: ["startTimeUnixNano", "fixed64"],
  3: ["timeUnixNano", "fixed64"],
  4: ["asDouble", "double"],
  6: ["asInt", "fixed64"],
  7: ["attributes", () => KEY_VALUE, "many"],
};
const HISTOGRAM_POINT: Schema = {
  2: ["startTimeUnixNano", "fixed64"],
  3: ["timeUnixNano", "fixed64"],
  4: ["count", "fixed64"],
  5: ["sum", "double"],
  6: ["bucketCounts", "packed-fixed64"],
  7: ["explicitBounds", "packed-double"],
  9: ["attributes", () => KEY_VALUE, "many"],
  11: ["min", "double"],
  12: ["max", "double"],
};
const BUCKETS: Schema = { 1: ["offset", "sint"], 2: ["bucketCounts", "packed-varint"] };
const EXPONENTIAL_POINT: Schema = {
  1: ["attributes", () => KEY_VALUE, "many"],
  4: ["count", "fixed64"],
  5: ["sum", "double"],
  6: ["scale", "sint"],
  8: ["positive", () => BUCKETS],
  9: ["negative", () => BUCKETS],
};
const METRIC: Schema = {
  1: ["name", "string"],
  2: ["description", "string"],
  3: ["unit", "string"],
  5: ["gauge", () => ({ 1: ["dataPoints", () => NUMBER_POINT, "many"] })],
  7: [
    "sum",
    () => ({ 1: ["dataPoints", () => NUMBER_POINT, "many"], 2: ["aggregationTemporality", "varint"], 3: ["isMonotonic", "bool"] }),
  ],
  9: ["histogram", () => ({ 1: ["dataPoints", () => HISTOGRAM_POINT, "many"], 2: ["aggregationTemporality", "varint"] })],
  10: ["exponentialHistogram", () => ({ 1: ["dataPoints", () => EXPONENTIAL_POINT, "many"], 2: ["aggregationTemporality", "varint"] })],
};
const LOG: Schema = {
  1: ["timeUnixNano", "fixed64"],
  2: ["severityNumber", "varint"],
  3: ["severityText", "string"],
  5: ["body", () => ANY],
  6: ["attributes", () => KEY_VALUE, "many"],
  9: ["traceId", "hex"],
  10: ["spanId", "hex"],
  12: ["eventName", "string"],
};

function request(resources: string, scopes: string, items: string, item: Schema): Schema {
  const scoped: Schema = { 1: ["scope", () => SCOPE], 2: [items, () => item, "many"] };
  return { 1: [resources, () => ({ 1: ["resource", () => RESOURCE], 2: [scopes, () => scoped, "many"] }), "many"] };
}

/** By the last part of the path: `traces`, `metrics`, `logs`. */
export const REQUESTS: Readonly<Record<string, Schema>> = {
  traces: request("resourceSpans", "scopeSpans", "spans", SPAN),
  metrics: request("resourceMetrics", "scopeMetrics", "metrics", METRIC),
  logs: request("resourceLogs", "scopeLogs", "logRecords", LOG),
};

export function decode(bytes: Buffer, schema: Schema): Json {
  const message: Json = {};
  let at = 0;

  function varint(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error("protobuf: the message ends inside a varint");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  while (at < bytes.length) {
    const tag = Number(varint());
    const wire = tag & 7;
    const start = at;
    let raw: Buffer | bigint;
    if (wire === 0) raw = varint();
    else {
      const length = wire === 1 ? 8 : wire === 5 ? 4 : Number(varint());
      raw = bytes.subarray(at, at + length);
      at += length;
    }
    if (at > bytes.length) throw new Error(`protobuf: field at ${start} goes beyond the message`);
    const field = schema[tag >> 3];
    if (!field) continue;
    const [name, kind, many] = field;
    const value = typeof kind === "function" ? decode(raw as Buffer, kind()) : scalar(raw, kind);
    if (many) ((message[name] ??= []) as unknown[]).push(value);
    else message[name] = value;
  }
  return message;
}

function scalar(raw: Buffer | bigint, kind: Kind): unknown {
  if (typeof raw === "bigint") {
    if (kind === "bool") return raw !== 0n;
    if (kind === "sint") return Number((raw >> 1n) ^ -(raw & 1n));
    return BigInt.asIntN(64, raw).toString();
  }
  switch (kind) {
    case "string":
      return raw.toString("utf8");
    case "hex":
      return raw.toString("hex");
    case "double":
      return raw.readDoubleLE();
    case "fixed64":
      return raw.readBigInt64LE().toString();
    case "fixed32":
      return raw.readUInt32LE();
    case "packed-fixed64":
      return Array.from({ length: raw.length / 8 }, (_, index) => raw.readBigInt64LE(index * 8).toString());
    case "packed-double":
      return Array.from({ length: raw.length / 8 }, (_, index) => raw.readDoubleLE(index * 8));
    default:
      return raw.toString("hex");
  }
}
