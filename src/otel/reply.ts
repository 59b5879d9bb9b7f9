import type { Attributes } from "@opentelemetry/api";
import type { ExchangeEnd, FixNote, Summary } from "../core/exchange.ts";
import { fixNames } from "../core/metrics.ts";
import { streamEnd } from "./errors.ts";
import { GEN_AI, LLAMACPP, LLAMA_PROXY } from "./semconv.ts";

/** What the reply to an inference request was: attributes of its span, undefined where nothing was said. */
export function inferenceReply(end: ExchangeEnd, textOnly: boolean, failed: boolean, choices: number): Attributes {
  const { summary } = end;
  const { usage, timings } = summary;
  const chunk = timeToFirstChunk(end);
  const applied = end.notes.filter((note) => note.action === "fixed").length;
  return {
    [GEN_AI.responseId]: summary.id,
    [GEN_AI.responseModel]: summary.model,
    [GEN_AI.finishReasons]: finishReasons(end, failed, choices),
    [GEN_AI.timeToFirstChunk]: chunk,
    [GEN_AI.inputTokens]: usage?.promptTokens,
    [GEN_AI.outputTokens]: usage?.completionTokens,
    [GEN_AI.cacheReadTokens]: usage?.cachedTokens,
    [GEN_AI.reasoningTokens]: usage?.reasoningTokens,
    [GEN_AI.textInputTokens]: textOnly ? usage?.promptTokens : undefined,
    [GEN_AI.textOutputTokens]: textOnly ? usage?.completionTokens : undefined,
    [LLAMA_PROXY.fixNames]: applied > 0 ? fixNames(end) : undefined,
    [LLAMA_PROXY.fixCount]: applied > 0 ? applied : undefined,
    [LLAMA_PROXY.chunkCount]: end.streamed ? summary.chunks : undefined,
    [LLAMA_PROXY.endReason]: end.streamed ? streamEnd(end) : undefined,
    [LLAMA_PROXY.toolCallCount]: summary.toolCalls > 0 ? summary.toolCalls : undefined,
    [LLAMACPP.slotId]: summary.slot,
    [LLAMACPP.buildInfo]: summary.fingerprint,
    [LLAMACPP.stopType]: summary.stopType !== undefined && STOP_TYPES.has(summary.stopType) ? summary.stopType : undefined,
    [LLAMACPP.contextLimit]: end.contextTotal,
    [LLAMACPP.contextUtilization]: contextUtilization(end),
    [LLAMACPP.cacheN]: timings?.cacheN,
    [LLAMACPP.promptN]: timings?.promptN,
    [LLAMACPP.promptMs]: timings?.promptMs,
    [LLAMACPP.predictedN]: timings?.predictedN,
    [LLAMACPP.predictedMs]: timings?.predictedMs,
    [LLAMACPP.draftN]: timings?.draftN,
    [LLAMACPP.draftNAccepted]: timings?.draftNAccepted,
  };
}

/** The short list of embeddings and rerank. */
export function embeddingsReply(summary: Summary): Attributes {
  return { [GEN_AI.responseModel]: summary.model, [GEN_AI.inputTokens]: summary.usage?.promptTokens };
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
