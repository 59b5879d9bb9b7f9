import { readFileSync } from "node:fs";

export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  /** 2 server, 3 client. */
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: ReadonlyMap<string, unknown>;
  readonly scope: string;
}

/** An exchange of the recording, as far as it must be in a trace. */
export interface RecordedExchange {
  readonly id: string;
  readonly trace_id: string | null;
  readonly span_id: string | null;
  readonly dialect: string | null;
  readonly duration_ms: number;
}

interface SpanJson extends Omit<Span, "attributes" | "scope" | "parentSpanId"> {
  readonly parentSpanId?: string;
  readonly attributes?: readonly { readonly key: string; readonly value: Record<string, unknown> }[];
}

interface LineJson {
  readonly resourceSpans?: readonly {
    readonly scopeSpans: readonly { readonly scope?: { readonly name?: string }; readonly spans: readonly SpanJson[] }[];
  }[];
}

const SERVER = 2;
const CLIENT = 3;
/** Spans have wall clock times in whole milliseconds at their ends. */
const TOLERANCE_MS = 1.5;

/** Everything that arrived where Tempo stands, by trace. */
export function readTraces(file: string): Map<string, Span[]> {
  const traces = new Map<string, Span[]>();
  for (const line of readFileSync(file, "utf8").split("\n")) {
    if (line === "") continue;
    for (const { scopeSpans } of (JSON.parse(line) as LineJson).resourceSpans ?? []) {
      for (const { scope, spans } of scopeSpans) {
        for (const span of spans) {
          const attributes = new Map((span.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]]));
          const whole: Span = { ...span, parentSpanId: span.parentSpanId ?? "", attributes, scope: scope?.name ?? "" };
          traces.set(span.traceId, [...(traces.get(span.traceId) ?? []), whole]);
        }
      }
    }
  }
  return traces;
}

/** What is wrong with a trace, or undefined: one server span as root, the call below it, the HTTP request below that. */
export function faultOf(spans: readonly Span[]): string | undefined {
  const roots = spans.filter((span) => span.parentSpanId === "");
  const [root] = roots;
  if (!root || roots.length > 1) return `${roots.length} roots`;
  if (root.kind !== SERVER) return `the root is no server span but ${root.name}`;
  const ids = new Set(spans.map((span) => span.spanId));
  if (ids.size !== spans.length) return "a span came twice";
  const orphan = spans.find((span) => span.parentSpanId !== "" && !ids.has(span.parentSpanId));
  if (orphan) return `${orphan.name} has no parent here`;
  const calls = spans.filter((span) => span.attributes.has("gen_ai.operation.name"));
  if (calls.length > 1) return `${calls.length} calls`;
  const [call] = calls;
  if (call && call.parentSpanId !== root.spanId) return "the call is not below the server span";
  const requests = spans.filter((span) => span.kind === CLIENT && span !== call);
  if (requests.length === 0) return "no request to llama-server";
  const misplaced = requests.find((span) => span.parentSpanId !== (call ?? root).spanId);
  if (misplaced) return "the request to llama-server is not below the call";
  const late = requests.find((span) => endOf(span) > endOf(root) + TOLERANCE_MS);
  if (late) return `the request to llama-server ends ${(endOf(late) - endOf(root)).toFixed(1)} ms after the server span`;
  return undefined;
}

/** Undefined when the exchange's trace is there, whole, and names the exchange. */
export function missingIn(traces: ReadonlyMap<string, readonly Span[]>, exchange: RecordedExchange): string | undefined {
  const spans = traces.get(exchange.trace_id ?? "");
  if (!spans) return "no trace";
  const server = spans.find((span) => span.spanId === exchange.span_id);
  if (server?.attributes.get("llama_proxy.request.id") !== exchange.id) return "the server span does not name it";
  const call = spans.find((span) => span.attributes.has("gen_ai.operation.name"));
  const off = Math.abs(endOf(server) - startOf(server) - exchange.duration_ms);
  if (off > TOLERANCE_MS) return `${server.name} is ${off.toFixed(1)} ms off the recorded duration`;
  if (call && (startOf(call) < startOf(server) - TOLERANCE_MS || endOf(call) > endOf(server) + TOLERANCE_MS)) {
    return "the call lies outside of its server span";
  }
  if (server.attributes.get("llama_proxy.recorded") !== true) return "the server span does not say that it is recorded";
  if (exchange.dialect !== null && !call) return "no call";
  if (call && call.attributes.get("llama_proxy.request.id") !== exchange.id) return "the call does not name it";
  return undefined;
}

function startOf(span: Span): number {
  return Number(BigInt(span.startTimeUnixNano)) / 1e6;
}

function endOf(span: Span): number {
  return Number(BigInt(span.endTimeUnixNano)) / 1e6;
}
