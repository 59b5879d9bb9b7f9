import {
  ATTR_ERROR_TYPE,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_NETWORK_PROTOCOL_VERSION,
  ATTR_URL_SCHEME,
} from "@opentelemetry/semantic-conventions";
import type { ExchangeEnd, ExchangeStart } from "../core/exchange.ts";
import type { AttributeSet } from "./attribute-set.ts";
import { requestError, streamEnd } from "./errors.ts";
import { methodOf, routeOf } from "./inbound.ts";
import type { Instruments } from "./instruments.ts";
import { contextUtilization, fixOutcome, timeToFirstChunk } from "./reply.ts";
import { GEN_AI, isInference, LLAMACPP, LLAMA_PROXY, type Operation } from "./semconv.ts";

/** One GenAI call, ended. */
export interface Call {
  readonly operation: Operation;
  /** Attributes that all its metrics carry: operation, provider, models, server. */
  readonly common: AttributeSet;
  /** Seconds, as on the span. */
  readonly duration: number;
  readonly error: string | undefined;
  readonly textOnly: boolean;
}

/** The metrics of one GenAI call. `serverMetrics`: also those of llama-server as seen from beside it. */
export function measureCall(instruments: Instruments, call: Call, end: ExchangeEnd, serverMetrics: boolean): void {
  const { common, error } = call;
  const outcome = common.with(ATTR_ERROR_TYPE, error);
  if (call.operation === "embeddings") instruments.embeddingsDuration.record(call.duration, outcome);
  else if (call.operation === "rerank") instruments.operationDuration.record(call.duration, outcome);
  else instruments.inferenceDuration.record(call.duration, outcome);
  if (serverMetrics && end.upstreamSentMs !== undefined) {
    const took = Math.max(0, (end.upstreamEndMs ?? end.durationMs) - end.upstreamSentMs) / 1000;
    instruments.serverRequestDuration.record(took, outcome);
  }
  if (!isInference(call.operation)) return;

  const firstChunk = timeToFirstChunk(end);
  if (firstChunk !== undefined) instruments.timeToFirstChunk.record(firstChunk, common);
  measureTokens(instruments, call, end, outcome);
  measureTimings(instruments, call, end, serverMetrics);
  const used = contextUtilization(end);
  if (used !== undefined) instruments.contextUtilization.record(used, common);
}

function measureTokens(instruments: Instruments, call: Call, end: ExchangeEnd, outcome: AttributeSet): void {
  const usage = end.summary.usage;
  const known = usage?.promptTokens !== undefined || usage?.completionTokens !== undefined;
  // The counters run for every call, so that one without usage shows as a 0 of unknown modality.
  const counted = call.common.with(GEN_AI.tokenModality, known && call.textOnly ? "text" : "unknown");
  instruments.inputTokens.record(usage?.promptTokens ?? 0, counted);
  instruments.outputTokens.record(usage?.completionTokens ?? 0, counted);
  if (usage?.cachedTokens !== undefined) instruments.cacheReadTokens.record(usage.cachedTokens, counted);
  if (usage?.reasoningTokens !== undefined) instruments.reasoningTokens.record(usage.reasoningTokens, counted);
  if (usage?.promptTokens !== undefined) instruments.operationInputTokens.record(usage.promptTokens, outcome);
  if (usage?.completionTokens !== undefined) instruments.operationOutputTokens.record(usage.completionTokens, outcome);
}

function measureTimings(instruments: Instruments, call: Call, end: ExchangeEnd, serverMetrics: boolean): void {
  const { common } = call;
  const timings = end.summary.timings;
  const promptMs = timings?.promptMs;
  const promptN = timings?.promptN;
  const predictedMs = timings?.predictedMs;
  const predictedN = timings?.predictedN;
  if (promptMs !== undefined) instruments.promptDuration.record(promptMs / 1000, common);
  if (promptMs !== undefined && promptMs > 0 && promptN !== undefined && promptN > 1) {
    instruments.promptThroughput.record((promptN / promptMs) * 1000, common);
  }
  // predicted_ms starts at the first token (llama-server, n_decoded == 1), so it covers predicted_n - 1 tokens.
  if (predictedMs !== undefined && predictedMs > 0 && predictedN !== undefined && predictedN > 1) {
    instruments.generationThroughput.record(((predictedN - 1) / predictedMs) * 1000, common);
    if (serverMetrics) instruments.serverTimePerOutputToken.record(predictedMs / 1000 / (predictedN - 1), common);
  }
  if (serverMetrics && call.error === undefined && end.upstreamSentMs !== undefined) {
    const first =
      predictedMs !== undefined && end.upstreamEndMs !== undefined
        ? end.upstreamEndMs - end.upstreamSentMs - predictedMs
        : end.streamed && end.firstTokenMs !== undefined
          ? end.firstTokenMs - end.upstreamSentMs
          : undefined;
    if (first !== undefined) instruments.serverTimeToFirstToken.record(Math.max(0, first) / 1000, common);
  }
  if (timings?.draftN !== undefined && timings.draftN > 0) {
    const accepted = Math.min(timings.draftNAccepted ?? 0, timings.draftN);
    instruments.draftTokens.record(accepted, common.with(LLAMACPP.draftOutcome, "accepted"));
    instruments.draftTokens.record(timings.draftN - accepted, common.with(LLAMACPP.draftOutcome, "rejected"));
  }
}

/** The metrics of every inbound request, understood or not. `model` is the capped one. */
export function measureExchange(
  instruments: Instruments,
  start: ExchangeStart,
  end: ExchangeEnd,
  model: string | undefined,
  streamed: boolean,
): void {
  const none = instruments.attributes;
  const route = routeOf(start);
  instruments.httpServerDuration.record(
    end.durationMs / 1000,
    inboundSet(none, start)
      .with(ATTR_HTTP_ROUTE, route)
      .with(ATTR_HTTP_RESPONSE_STATUS_CODE, end.status)
      .with(ATTR_NETWORK_PROTOCOL_VERSION, start.httpVersion)
      .with(ATTR_ERROR_TYPE, requestError(end)),
  );
  instruments.overhead.record(Math.max(0, end.overheadMs) / 1000, none.with(ATTR_HTTP_ROUTE, route));
  if (streamed) instruments.streams.record(1, none.with(LLAMA_PROXY.endReason, streamEnd(end)).with(GEN_AI.requestModel, model));
  for (const note of end.notes) {
    const outcome = fixOutcome(note);
    if (outcome === undefined) continue;
    const fix = none.with(LLAMA_PROXY.fixName, note.fix).with(LLAMA_PROXY.fixOutcome, outcome);
    instruments.fixes.record(1, fix.with(GEN_AI.requestModel, model));
  }
  for (const fix in end.fixMs) instruments.fixDuration.record((end.fixMs[fix] ?? 0) / 1000, none.with(LLAMA_PROXY.fixName, fix));
}

/** Attributes of an inbound request that are known from its head. */
export function inboundSet(none: AttributeSet, start: ExchangeStart): AttributeSet {
  return none.with(ATTR_HTTP_REQUEST_METHOD, methodOf(start)).with(ATTR_URL_SCHEME, "http");
}
