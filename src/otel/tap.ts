import { context, propagation, SpanKind, SpanStatusCode, trace, type Span, type TextMapGetter } from "@opentelemetry/api";
import { ATTR_ERROR_TYPE, ATTR_HTTP_RESPONSE_STATUS_CODE } from "@opentelemetry/semantic-conventions";
import type { RequestView } from "../core/delta.ts";
import type { ExchangeEnd, ExchangeStart, Step } from "../core/exchange.ts";
import type { ExchangeTap } from "../core/sink.ts";
import { headerOf, headerValues, mediaType, type RawHeaders } from "../wire/headers.ts";
import type { Attempts } from "./attempts.ts";
import { endCall, reasonOf, startCall, type OpenCall, type TapParts } from "./call.ts";
import { ownWord, requestError } from "./errors.ts";
import { emitFixes } from "./events.ts";
import { contextOf } from "./exchange-context.ts";
import { Facts } from "./facts.ts";
import { serverRequest, serverSpanName } from "./inbound.ts";
import type { Series } from "./instruments.ts";
import { inboundSet, measureExchange } from "./measure.ts";
import { isInference, LLAMA_PROXY, OPERATIONS, type Operation } from "./semconv.ts";

const RAW_HEADERS: TextMapGetter<RawHeaders> = {
  keys: (headers) => headers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()),
  get: (headers, key) => {
    const values = headerValues(headers, key);
    return values.length > 1 ? values : values[0];
  },
};

/**
 * The spans and metrics of one exchange: a server span from begin to end and, on an understood
 * route, a GenAI span from the moment the request is known (or dispatched) to the last byte.
 * Both end in `end`, whatever happened. The http.client spans below are the undici instrumentation's (outbound.ts).
 */
export function openExchange(parts: TapParts, start: ExchangeStart): { readonly span: Span; readonly tap: ExchangeTap } {
  const { instruments } = parts;
  const begun = parts.now();
  const operation = start.dialect === undefined ? undefined : OPERATIONS.get(start.dialect);
  const active = inboundSet(instruments.attributes, start);
  const attempts: Attempts = [];
  const parent = propagation.extract(contextOf(attempts), start.headers, RAW_HEADERS);
  const span = parts.spans.start(serverSpanName(start), { kind: SpanKind.SERVER, startTime: start.at }, serverRequest(start), parent);
  const serverContext = trace.setSpan(parent, span);
  instruments.activeRequests.record(1, active);

  let view: RequestView | undefined;
  let call: OpenCall | undefined;
  let backendStatus: number | undefined;
  let streaming = false;
  let lastChunkMs: number | undefined;
  /** Looked up once, because it is recorded into for every frame. */
  let chunkTimes: Series | undefined;
  let servedModel: string | undefined;

  function openCall(of: Operation): OpenCall {
    return (call ??= startCall(parts, start, of, view, serverContext, start.at + (parts.now() - begun)));
  }

  function sawChunk(atMs: number): void {
    if (!call || !isInference(call.operation)) return;
    if (lastChunkMs !== undefined) {
      chunkTimes ??= instruments.timePerOutputChunk.series(call.metricAttributes(servedModel));
      chunkTimes.record((atMs - lastChunkMs) / 1000);
    }
    lastChunkMs = atMs;
  }

  const tap: ExchangeTap = {
    enter(work) {
      const outer = operation === undefined ? serverContext : trace.setSpan(serverContext, openCall(operation).span);
      return context.with(outer, work);
    },
    request(read) {
      view = read;
      if (operation !== undefined) openCall(operation);
    },
    head(_atMs, status, headers) {
      backendStatus = status;
      if (mediaType(headerOf(headers, "content-type")) === "text/event-stream") {
        streaming = true;
        instruments.activeStreams.record(1, instruments.attributes);
      }
    },
    step(atMs, step) {
      if (step.frame.data === undefined) return;
      call?.capture?.deltas(step.out);
      if (!chunkTimes) servedModel ??= modelOf(step);
      sawChunk(atMs);
    },
    ...(parts.captureContent === "none" ? { repeat: sawChunk } : { chunk: (_atMs, _upstream, sent) => call?.capture?.bytes(sent) }),
    end(end) {
      instruments.activeRequests.record(-1, active);
      if (streaming) instruments.activeStreams.record(-1, instruments.attributes);
      const endedAt = start.at + Math.max(0, end.durationMs);
      try {
        for (const attempt of attempts) attempt.giveUp(ownWord(end), endedAt);
        if (call) endCall(parts, start, call, view, end, backendStatus);
        if (end.notes.length > 0) emitFixes(parts.logger, trace.setSpan(serverContext, call?.span ?? span), start, view?.model, end);
        measureExchange(instruments, start, end, parts.models.capped(view?.model), streaming || end.streamed);
      } finally {
        endServer(parts, start, span, end, endedAt);
      }
    },
  };
  return { span, tap };
}

/** The model a frame names: every chat frame does; of Messages only the first. */
function modelOf(step: Step): string | undefined {
  for (const delta of step.deltas) {
    if (delta.kind === "meta" && delta.model !== undefined) return delta.model;
  }
  return undefined;
}

function endServer(parts: TapParts, start: ExchangeStart, span: Span, end: ExchangeEnd, endedAt: number): void {
  const error = requestError(end);
  const recorded = end.truncated ? false : parts.gauges.recorded?.(start.id);
  parts.spans.describe(
    span,
    new Facts().add(ATTR_HTTP_RESPONSE_STATUS_CODE, end.status).add(ATTR_ERROR_TYPE, error).add(LLAMA_PROXY.recorded, recorded).attributes,
  );
  if (error !== undefined) {
    const message = reasonOf(end);
    span.setStatus({ code: SpanStatusCode.ERROR, ...(message === undefined ? {} : { message }) });
  }
  span.end(endedAt);
}
