import type { Attributes } from "@opentelemetry/api";
import type { ExchangeEnd, FixNote, Summary } from "../core/exchange.ts";
import { fixNames } from "../core/metrics.ts";
import { streamEnd } from "./errors.ts";
import { Facts } from "./facts.ts";
import { GEN_AI, LLAMACPP, LLAMA_PROXY } from "./semconv.ts";

/** What the reply to an inference request was: attributes of its span. */
export function inferenceReply(end: ExchangeEnd, textOnly: boolean, failed: boolean, choices: number): Attributes {
  const { summary } = end;
  const { usage, timings } = summary;
  const chunk = timeToFirstChunk(end);
  const applied = end.notes.filter((note) => note.action === "fixed").length;
  return new Facts()
    .add(GEN_AI.responseId, summary.id)
    .add(GEN_AI.responseModel, summary.model)
    .add(GEN_AI.finishReasons, finishReasons(end, failed, choices))
    .add(GEN_AI.timeToFirstChunk, chunk)
    .add(GEN_AI.inputTokens, usage?.promptTokens)
    .add(GEN_AI.outputTokens, usage?.completionTokens)
    .add(GEN_AI.cacheReadTokens, usage?.cachedTokens)
    .add(GEN_AI.reasoningTokens, usage?.reasoningTokens)
    .add(GEN_AI.textInputTokens, textOnly ? usage?.promptTokens : undefined)
    .add(GEN_AI.textOutputTokens, textOnly ? usage?.completionTokens : undefined)
    .add(LLAMA_PROXY.fixNames, applied > 0 ? fixNames(end) : undefined)
    .add(LLAMA_PROXY.fixCount, applied > 0 ? applied : undefined)
    .add(LLAMA_PROXY.chunkCount, end.streamed ? summary.chunks : undefined)
    .add(LLAMA_PROXY.endReason, end.streamed ? streamEnd(end) : undefined)
    .add(LLAMA_PROXY.toolCallCount, summary.toolCalls > 0 ? summary.toolCalls : undefined)
    .add(LLAMACPP.slotId, summary.slot)
    .add(LLAMACPP.buildInfo, summary.fingerprint)
    .add(LLAMACPP.stopType, summary.stopType !== undefined && STOP_TYPES.has(summary.stopType) ? summary.stopType : undefined)
    .add(LLAMACPP.contextLimit, end.contextTotal)
    .add(LLAMACPP.contextUtilization, contextUtilization(end))
    .add(LLAMACPP.cacheN, timings?.cacheN)
    .add(LLAMACPP.promptN, timings?.promptN)
    .add(LLAMACPP.promptMs, timings?.promptMs)
    .add(LLAMACPP.predictedN, timings?.predictedN)
    .add(LLAMACPP.predictedMs, timings?.predictedMs)
    .add(LLAMACPP.draftN, timings?.draftN)
    .add(LLAMACPP.draftNAccepted, timings?.draftNAccepted).attributes;
}

/** The short list of embeddings and rerank. */
export function embeddingsReply(summary: Summary): Attributes {
  return new Facts().add(GEN_AI.responseModel, summary.model).add(GEN_AI.inputTokens, summary.usage?.promptTokens).attributes;
}

const STOP_TYPES: ReadonlySet<string> = new Set(["none", "eos", "limit", "word"]);

/** Choices that were being generated when the reply failed have `error` for a finish reason. */
function finishReasons(end: ExchangeEnd, failed: boolean, choices: number): readonly string[] | undefined {
  const reasons = [...end.summary.finishReasons];
  if (failed && end.firstTokenMs !== undefined) {
    while (reasons.length < choices) reasons.push("error");
  }
  return reasons.length === 0 ? undefined : reasons;
}

/** Request sent to first frame with data, in seconds. Undefined for a reply that was no stream. */
export function timeToFirstChunk(end: ExchangeEnd): number | undefined {
  if (end.firstChunkMs === undefined || !end.streamed) return undefined;
  return Math.max(0, end.firstChunkMs - (end.upstreamSentMs ?? 0)) / 1000;
}

/** Share of the slot's context in use when the reply ended. */
export function contextUtilization(end: ExchangeEnd): number | undefined {
  if (!end.contextTotal) return undefined;
  const { timings, usage } = end.summary;
  if (timings?.promptN !== undefined) {
    return ((timings.cacheN ?? 0) + timings.promptN + (timings.predictedN ?? 0)) / end.contextTotal;
  }
  if (usage?.promptTokens === undefined) return undefined;
  return (usage.promptTokens + (usage.completionTokens ?? 0)) / end.contextTotal;
}

/** `llama_proxy.fix.outcome` of a note; undefined when the fix changed nothing and gave up nothing (observed, skipped). */
export function fixOutcome(note: FixNote): "applied" | "gave_up" | "failed" | undefined {
  if (note.action === "fixed") return "applied";
  if (note.action === "refused") return "gave_up";
  // The pipeline's own note about a fix that threw (fixes/lane.ts) is a skip of the whole frame with one of these reasons.
  const threw = note.target === "frame" && /^cut out for this reply: | could not start: /.test(note.reason ?? "");
  return threw ? "failed" : undefined;
}
