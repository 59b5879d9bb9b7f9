/** The numbers of a recording that explanations are made of. What the backend did not report is undefined. */
import type { Recording } from "../../core/recording.ts";
import { asNumber, asString, isObject } from "../../wire/json.ts";

export interface Numbers {
  readonly promptTokens: number | undefined;
  readonly completionTokens: number | undefined;
  readonly cachedTokens: number | undefined;
  /** Prompt tokens that were processed and not taken from the cache. */
  readonly processedTokens: number | undefined;
  readonly promptMs: number | undefined;
  readonly generationMs: number | undefined;
  readonly durationMs: number;
  readonly upstreamSentMs: number | undefined;
  readonly headMs: number | undefined;
  readonly firstTokenMs: number | undefined;
  readonly lastTokenMs: number | undefined;
  readonly upstreamEndMs: number | undefined;
  readonly overheadMs: number | undefined;
  readonly attempts: number;
  readonly fingerprint: string | undefined;
}

export function numbersOf({ metrics, details }: Recording): Numbers {
  const timings = isObject(details["timings"]) ? details["timings"] : {};
  const prompt = metrics.promptTokens;
  const cached = metrics.cachedTokens ?? asNumber(timings["cacheN"]);
  return {
    promptTokens: prompt,
    completionTokens: metrics.completionTokens,
    cachedTokens: cached,
    processedTokens: asNumber(timings["promptN"]) ?? (prompt !== undefined && cached !== undefined ? prompt - cached : undefined),
    promptMs: metrics.promptMs ?? asNumber(timings["promptMs"]),
    generationMs: metrics.generationMs ?? asNumber(timings["predictedMs"]),
    durationMs: metrics.durationMs,
    upstreamSentMs: asNumber(details["upstreamSentMs"]),
    headMs: asNumber(details["headMs"]),
    firstTokenMs: metrics.ttftMs,
    lastTokenMs: asNumber(details["lastTokenMs"]),
    upstreamEndMs: asNumber(details["upstreamEndMs"]),
    overheadMs: asNumber(details["overheadMs"]),
    attempts: asNumber(details["attempts"]) ?? 1,
    fingerprint: asString(details["fingerprint"]),
  };
}

/** Milliseconds that processing so many prompt tokens took, at this request's own speed. */
export function promptCostMs(numbers: Numbers, tokens: number): number | undefined {
  const { processedTokens, promptMs, headMs, firstTokenMs } = numbers;
  if (processedTokens === undefined || processedTokens <= 0) return undefined;
  // The Messages API reports no timings: from the head (the slot started) to the first token is the prompt.
  const ms = promptMs ?? (firstTokenMs !== undefined && headMs !== undefined ? firstTokenMs - headMs : undefined);
  return ms === undefined ? undefined : (ms / processedTokens) * tokens;
}
