import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Attributes, type Context, type Logger, type Span } from "@opentelemetry/api";
import { ATTR_ERROR_TYPE, ATTR_SERVER_ADDRESS, ATTR_SERVER_PORT } from "@opentelemetry/semantic-conventions";
import type { RequestView } from "../core/delta.ts";
import type { ExchangeEnd, ExchangeStart } from "../core/exchange.ts";
import { headerOf } from "../wire/headers.ts";
import type { AttributeSet } from "./attribute-set.ts";
import { createCapture, type Capture } from "./content.ts";
import { callError } from "./errors.ts";
import { emitDetails, emitException } from "./events.ts";
import { Facts } from "./facts.ts";
import type { Instruments } from "./instruments.ts";
import { measureCall } from "./measure.ts";
import type { Models } from "./models.ts";
import type { CaptureContent, Gauges } from "./options.ts";
import { embeddingsReply, inferenceReply } from "./reply.ts";
import { embeddingsRequest, inferenceRequest, isTextOnly } from "./request.ts";
import { GEN_AI, isInference, LLAMA_PROXY, type Operation } from "./semconv.ts";
import type { Spans } from "./spans.ts";

/** What every exchange's telemetry is made with. */
export interface TapParts {
  readonly spans: Spans;
  readonly logger: Logger;
  readonly instruments: Instruments;
  readonly models: Models;
  readonly providerName: string;
  readonly backend: { readonly address: string; readonly port: number };
  readonly captureContent: CaptureContent;
  readonly contentMaxChars: number;
  readonly conversationIdHeader: string | undefined;
  readonly serverMetrics: boolean;
  readonly gauges: Gauges;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** A GenAI call under way. */
export interface OpenCall {
  readonly operation: Operation;
  readonly span: Span;
  readonly startedAt: number;
  readonly attributes: Attributes;
  readonly capture: Capture | undefined;
  /** Common attributes of its metrics, models capped. */
  metricAttributes(responseModel: string | undefined): AttributeSet;
}

/** Opens the GenAI span. `startedAt` is Unix time in milliseconds. */
export function startCall(
  parts: TapParts,
  start: ExchangeStart,
  operation: Operation,
  view: RequestView | undefined,
  serverContext: Context,
  startedAt: number,
): OpenCall {
  const model = view?.model || undefined;
  const inference = isInference(operation);
  const capture =
    inference && parts.captureContent !== "none" && start.dialect !== undefined
      ? createCapture(start.dialect, view, parts.contentMaxChars)
      : undefined;
  const facts = new Facts()
    .add(GEN_AI.operation, operation)
    .add(GEN_AI.provider, parts.providerName)
    .add(GEN_AI.requestModel, model)
    .add(ATTR_SERVER_ADDRESS, parts.backend.address)
    .add(ATTR_SERVER_PORT, parts.backend.port)
    .add(LLAMA_PROXY.requestId, start.id)
    .add(LLAMA_PROXY.apiType, start.dialect);
  if (view) facts.addAll(inference ? inferenceRequest(view) : embeddingsRequest(view));
  if (inference) {
    facts
      .add(GEN_AI.conversation, conversationOf(parts, start, view))
      .add(LLAMA_PROXY.replayOf, headerOf(start.headers, "x-llama-proxy-replay-of")?.slice(0, 64));
  }
  const { attributes } = facts;
  const span = parts.spans.start(
    model === undefined ? operation : `${operation} ${model}`,
    { kind: SpanKind.CLIENT, startTime: startedAt },
    attributes,
    serverContext,
  );
  return {
    operation,
    span,
    startedAt,
    attributes,
    capture,
    metricAttributes: (responseModel) =>
      parts.instruments.attributes
        .with(GEN_AI.operation, operation)
        .with(GEN_AI.provider, parts.providerName)
        .with(GEN_AI.requestModel, parts.models.capped(model))
        .with(GEN_AI.responseModel, parts.models.capped(responseModel))
        .with(ATTR_SERVER_ADDRESS, parts.backend.address)
        .with(ATTR_SERVER_PORT, parts.backend.port),
  };
}

/** Ends the span at the last byte and records the call's metrics and events. */
export function endCall(
  parts: TapParts,
  start: ExchangeStart,
  call: OpenCall,
  view: RequestView | undefined,
  end: ExchangeEnd,
  backendStatus: number | undefined,
): void {
  const error = callError(end, backendStatus);
  const textOnly = isTextOnly(view);
  const endedAt = Math.max(call.startedAt, start.at + (end.upstreamEndMs ?? end.durationMs));
  const choices = call.attributes[GEN_AI.choiceCount];
  const reply = isInference(call.operation)
    ? inferenceReply(end, textOnly, error !== undefined, typeof choices === "number" ? choices : 1)
    : embeddingsReply(end.summary);
  if (error !== undefined) reply[ATTR_ERROR_TYPE] = error;
  const content = call.capture?.attributes(end.summary.finishReasons);
  parts.spans.describe(call.span, reply);
  if (content && parts.captureContent !== "event") parts.spans.describe(call.span, content);
  if (error !== undefined) {
    // The backend's own message may quote the conversation: only where content may leave at all.
    const said = parts.captureContent === "none" ? undefined : end.summary.error?.message;
    const message = said ?? reasonOf(end) ?? (backendStatus === undefined ? error : `llama-server answered ${backendStatus} (${error})`);
    call.span.setStatus({ code: SpanStatusCode.ERROR, message });
    emitException(parts.logger, trace.setSpan(ROOT_CONTEXT, call.span), start, error, message);
  }
  if (content && parts.captureContent !== "span") {
    emitDetails(parts.logger, trace.setSpan(ROOT_CONTEXT, call.span), { ...call.attributes, ...reply, ...content });
  }
  call.span.end(endedAt);
  measureCall(
    parts.instruments,
    {
      operation: call.operation,
      common: call.metricAttributes(end.summary.model),
      duration: (endedAt - call.startedAt) / 1000,
      error,
      textOnly,
    },
    end,
    parts.serverMetrics,
  );
}

/** Why it failed, in words of our own: a fault's message may quote what could not be parsed. */
export function reasonOf(end: ExchangeEnd): string | undefined {
  return end.outcome === "internal" ? "a fault of the sidecar itself" : end.reason;
}

function conversationOf(parts: TapParts, start: ExchangeStart, view: RequestView | undefined): string | undefined {
  const named = parts.conversationIdHeader === undefined ? undefined : headerOf(start.headers, parts.conversationIdHeader);
  return named || start.session || view?.conversation || undefined;
}
