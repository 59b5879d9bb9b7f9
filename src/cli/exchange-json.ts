/** One exchange as `--json` has it (cli.md): what is not known is absent, times are UTC. */
import type { RecordedExchange, Recording } from "../core/recording.ts";
import { noteJson } from "../replay/report.ts";
import type { RawHeaders } from "../wire/headers.ts";
import { snakeCased } from "./snake-case.ts";

export function exchangeJson(exchange: RecordedExchange): Record<string, unknown> {
  const { metrics } = exchange;
  return {
    id: exchange.id,
    started_at: new Date(exchange.startedAt).toISOString(),
    method: exchange.method,
    path: exchange.path,
    route: exchange.route,
    dialect: exchange.dialect,
    model: metrics.model,
    client: metrics.client,
    session: exchange.session,
    status: metrics.status,
    outcome: exchange.outcome,
    reason: exchange.reason,
    error_type: exchange.errorType,
    stream: metrics.streaming,
    finish_reason: metrics.finishReason,
    prompt_tokens: metrics.promptTokens,
    completion_tokens: metrics.completionTokens,
    cached_tokens: metrics.cachedTokens,
    reasoning_tokens: metrics.reasoningTokens,
    prompt_tps: metrics.promptTps,
    generation_tps: metrics.generationTps,
    prompt_ms: metrics.promptMs,
    generation_ms: metrics.generationMs,
    context_total: metrics.contextTotal,
    context_used: metrics.contextUsed,
    ttft_ms: metrics.ttftMs,
    duration_ms: metrics.durationMs,
    fixes: metrics.fixes,
    truncated: exchange.truncated,
    trace_id: exchange.traceId,
    span_id: exchange.spanId,
  };
}

export function recordingJson(recording: Recording): Record<string, unknown> {
  const { request, response } = recording;
  return {
    ...exchangeJson(recording),
    request: {
      headers: headerPairs(request.headers),
      ...bodyJson("body", request.body),
      ...(sameBytes(request.forwarded, request.body) ? {} : bodyJson("forwarded_body", request.forwarded)),
    },
    response: response && {
      status: response.status,
      headers: headerPairs(response.headers),
      ...(response.framed ? { frames: response.pieces.map(frameJson) } : wholeJson(response.pieces)),
    },
    timings: snakeCased(recording.details["timings"]),
    details: snakeCased(recording.details),
    fix_notes: recording.notes.map(noteJson),
  };
}

type Pieces = NonNullable<Recording["response"]>["pieces"];

function frameJson({ seq, atMs, upstream, sent }: Pieces[number]): Record<string, unknown> {
  return { seq, at_ms: atMs, ...bodyJson("upstream", upstream), ...bodyJson("sent", sent) };
}

function wholeJson(pieces: Pieces): Record<string, unknown> {
  return { ...bodyJson("body", upstreamOf(pieces)), ...bodyJson("sent_body", sentOf(pieces)) };
}

export function upstreamOf(pieces: Pieces): Uint8Array {
  return Buffer.concat(pieces.map((piece) => piece.upstream));
}

export function sentOf(pieces: Pieces): Uint8Array {
  return Buffer.concat(pieces.map((piece) => piece.sent));
}

/** Text under `name`; bytes that are not UTF-8 as `name_base64`. */
function bodyJson(name: string, bytes: Uint8Array): Record<string, string> {
  try {
    return { [name]: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { [`${name}_base64`]: Buffer.from(bytes).toString("base64") };
  }
}

function headerPairs(headers: RawHeaders): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) pairs.push([headers[i] ?? "", headers[i + 1] ?? ""]);
  return pairs;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || Buffer.compare(a, b) === 0;
}
