import type { ExchangeEnd, Outcome } from "../../src/core/exchange.ts";
import { spanType } from "./otlp-checker.ts";
import type { ReceivedSpan } from "./otlp-receiver.ts";
import type { Seen } from "./sidecar.ts";

const SERVER_ERROR = 500;
/** Clocks: a span without a given start begins at a whole millisecond, and the wall clock may be set right in between. */
const TOLERANCE_MS = 1.5;

/** Own words of `error.type` and `llama_proxy.stream.end_reason` by outcome; the backend's own error and status come before them. */
const WORDS: Readonly<Record<Exclude<Outcome, "completed">, { readonly error: RegExp; readonly end: RegExp }>> = {
  "client-gone": { error: /^client_closed$/, end: /^client_closed$/ },
  "upstream-refused": { error: /^(?:E[A-Z]+|UND_ERR_[A-Z_]+)$/, end: /^upstream_closed$/ },
  "upstream-timeout": { error: /^UND_ERR_(?:HEADERS|BODY)_TIMEOUT$/, end: /^idle_timeout$/ },
  "upstream-broke": {
    error: /^(?:upstream_closed|invalid_frame|E[A-Z]+|UND_ERR_[A-Z_]+|HPE_[A-Z_]+)$/,
    end: /^(?:upstream_closed|invalid_frame)$/,
  },
  shutdown: { error: /^_OTHER$/, end: /^proxy_shutdown$/ },
  internal: { error: /^_OTHER$/, end: /^proxy_internal$/ },
};

/**
 * Exactly one ended server span for every exchange, as long as the exchange, with the outcome's word;
 * its call, if it has one, likewise; nothing below it outlasts it; no span of an exchange that never was.
 */
export function checkExchanges(exchanges: readonly Seen[], spans: readonly ReceivedSpan[]): string[] {
  const servers = Map.groupBy(
    spans.filter((span) => spanType(span) === "http.server"),
    (span) => String(span.attributes["llama_proxy.request.id"]?.value),
  );
  const findings = exchanges.flatMap(({ start, view, ends }) => {
    const [end] = ends;
    const [server, ...more] = servers.get(start.id) ?? [];
    servers.delete(start.id);
    const where = `${start.method} ${start.path} (${end?.outcome ?? "without end"})`;
    if (!end) return [`${where} never ended`];
    if (!server || more.length > 0) return [`${where} has ${server ? more.length + 1 : "no"} server spans`];
    const below = descendants(server, spans);
    const attempts = below.filter((span) => spanType(span) === "http.client").length;
    return [
      ...checkServer(server, end),
      ...checkCall(below, end, view !== undefined),
      ...checkBounds(server, below),
      ...(attempts === end.attempts ? [] : [`${attempts} http.client spans for ${end.attempts} attempts`]),
    ].map((finding) => `${where}: ${finding}`);
  });
  return [...findings, ...[...servers.keys()].map((id) => `a server span for ${id}, which was no exchange`)];
}

function checkServer(span: ReceivedSpan, end: ExchangeEnd): string[] {
  const took = Number(span.end - span.start) / 1e6;
  const short = Math.abs(took - Math.max(0, end.durationMs)) > 0.01;
  const error = textOf(span, "error.type");
  const cut = end.outcome !== "completed" && (end.status === undefined || end.status < 400);
  const right = end.status !== undefined && end.status >= SERVER_ERROR ? error !== "" : cut ? isWordFor(end, error) : error === "";
  return [
    ...(short ? [`the server span took ${took} ms, the exchange ${end.durationMs}`] : []),
    ...(right ? [] : [`the server span has error.type "${error}"`]),
  ];
}

function checkCall(below: readonly ReceivedSpan[], end: ExchangeEnd, understood: boolean): string[] {
  const call = below.find((span) => spanType(span)?.startsWith("gen_ai."));
  if (!call) return understood ? ["no call"] : [];
  const error = textOf(call, "error.type");
  const reason = textOf(call, "llama_proxy.stream.end_reason");
  const wanted = !end.streamed || spanType(call) !== "gen_ai.client.inference" ? /^$/ : endWord(end.outcome);
  const failed = end.outcome !== "completed";
  return [
    ...(failed && !isWordFor(end, error) ? [`the call has error.type "${error}"`] : []),
    ...(!failed && error !== "" && end.errorType === undefined ? [`the call has error.type "${error}" though all went well`] : []),
    ...(wanted.test(reason) ? [] : [`the call has end reason "${reason}"`]),
  ];
}

function checkBounds(server: ReceivedSpan, below: readonly ReceivedSpan[]): string[] {
  return below.flatMap((span) => {
    const late = Number(span.end - server.end) / 1e6;
    const early = Number(server.start - span.start) / 1e6;
    return [
      ...(late > TOLERANCE_MS ? [`${spanType(span)} ends ${late.toFixed(1)} ms after the server span`] : []),
      ...(early > TOLERANCE_MS ? [`${spanType(span)} starts ${early.toFixed(1)} ms before the server span`] : []),
    ];
  });
}

function isWordFor(end: ExchangeEnd, error: string): boolean {
  if (end.outcome === "completed") return true;
  const ofBackend = error !== "" && (error === end.summary.error?.type || /^[45]\d\d$/.test(error));
  return ofBackend || WORDS[end.outcome].error.test(error);
}

function endWord(outcome: Outcome): RegExp {
  return outcome === "completed" ? /^(?:completed|upstream_error)$/ : WORDS[outcome].end;
}

function descendants(of: ReceivedSpan, spans: readonly ReceivedSpan[]): ReceivedSpan[] {
  const children = spans.filter((span) => span.traceId === of.traceId && span.parentSpanId === of.spanId);
  return [...children, ...children.flatMap((child) => descendants(child, spans))];
}

function textOf(span: ReceivedSpan, name: string): string {
  const value = span.attributes[name]?.value;
  return typeof value === "string" ? value : "";
}
