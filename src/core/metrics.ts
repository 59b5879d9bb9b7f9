import type { RequestView } from "./delta.ts";
import type { ExchangeEnd, ExchangeStart, Outcome } from "./exchange.ts";

/**
 * The numbers of one request that people look at: one definition for the line on stdout, the
 * recorder's columns and `stats`. What the backend did not report is absent, never zero.
 */
export interface RequestMetrics {
  readonly model?: string;
  readonly client?: string;
  /** Cached ones included, in every dialect. */
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  readonly totalTokens?: number;
  readonly cachedTokens?: number;
  readonly reasoningTokens?: number;
  /** Tokens per second of the uncached part of the prompt. */
  readonly promptTps?: number;
  /** Tokens per second behind the first: predicted_ms starts at the first token (llama-server, n_decoded == 1). */
  readonly generationTps?: number;
  readonly promptMs?: number;
  readonly generationMs?: number;
  /** To the first frame with content, reasoning or a tool call. Streams only. */
  readonly ttftMs?: number;
  readonly durationMs: number;
  readonly contextTotal?: number;
  readonly contextUsed?: number;
  readonly contextPercent?: number;
  readonly draftTokens?: number;
  readonly draftAccepted?: number;
  /** Share of drafted tokens that were accepted, 0 to 1. */
  readonly draftAcceptance?: number;
  readonly finishReason?: string;
  readonly streaming: boolean;
  readonly outcome: Outcome;
  readonly status?: number;
  /** Names of the fixes that changed something, in order of first use. */
  readonly fixes: readonly string[];
}

export function metricsOf(start: ExchangeStart, view: RequestView | undefined, end: ExchangeEnd): RequestMetrics {
  const { usage, timings } = end.summary;
  const promptTokens = usage?.promptTokens;
  const completionTokens = usage?.completionTokens;
  const used = promptTokens === undefined && completionTokens === undefined ? undefined : (promptTokens ?? 0) + (completionTokens ?? 0);
  const contextTotal = end.contextTotal;
  return defined({
    model: end.summary.model ?? view?.model,
    client: start.client,
    promptTokens,
    completionTokens,
    totalTokens: promptTokens !== undefined && completionTokens !== undefined ? promptTokens + completionTokens : undefined,
    cachedTokens: usage?.cachedTokens,
    reasoningTokens: usage?.reasoningTokens,
    promptTps: rate(timings?.promptN, timings?.promptMs),
    generationTps: rate(timings?.predictedN === undefined ? undefined : timings.predictedN - 1, timings?.predictedMs),
    promptMs: timings?.promptMs,
    generationMs: timings?.predictedMs,
    ttftMs: end.firstTokenMs,
    durationMs: end.durationMs,
    contextTotal,
    contextUsed: used,
    contextPercent: used === undefined || !contextTotal ? undefined : (used / contextTotal) * 100,
    draftTokens: timings?.draftN,
    draftAccepted: timings?.draftNAccepted,
    draftAcceptance: timings?.draftN && timings.draftNAccepted !== undefined ? timings.draftNAccepted / timings.draftN : undefined,
    finishReason: end.summary.finishReasons[0],
    streaming: end.streamed,
    outcome: end.outcome,
    status: end.status,
    fixes: fixNames(end),
  });
}

/** Names of the fixes that changed something, in order of first use. */
export function fixNames(end: Pick<ExchangeEnd, "notes">): readonly string[] {
  return [...new Set(end.notes.filter((note) => note.action === "fixed").map((note) => note.fix))];
}

function rate(tokens: number | undefined, ms: number | undefined): number | undefined {
  return tokens === undefined || tokens <= 0 || ms === undefined || ms <= 0 ? undefined : (tokens / ms) * 1000;
}

/** Drops the members that are undefined. */
function defined<T extends object>(facts: { [K in keyof T]: T[K] | undefined }): T {
  const kept: Partial<T> = {};
  for (const name in facts) if (facts[name] !== undefined) kept[name] = facts[name];
  return kept as T;
}
