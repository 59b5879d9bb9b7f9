import type { Delta, Timings, Usage } from "./delta.ts";
import type { Summary } from "./exchange.ts";

export interface Summarizer {
  /**
   * `deltas` as the backend sent them, `out` as the client got them. Finish reasons and calls count as the
   * client got them; usage and timings as the backend reported them, since a fix may put zeros in for a
   * client's sake.
   */
  add(deltas: readonly Delta[], out?: readonly Delta[]): void;
  /** `chunks`: frames with data, 0 for a reply that came whole. */
  summary(chunks: number): Summary;
}

/**
 * Folds the deltas of one reply into what is worth keeping of it. Where the API reported no usage
 * but llama-server's timings came (every chat stream), usage is derived from them:
 * prompt = cache_n + prompt_n, completion = predicted_n.
 */
export function createSummarizer(): Summarizer {
  const finish = new Map<number, string>();
  let meta: { id?: string; model?: string; fingerprint?: string; stopType?: string; slot?: number } = {};
  let usage: Usage | undefined;
  let timings: Timings | undefined;
  let error: Summary["error"];
  let toolCalls = 0;

  return {
    add(deltas, out = deltas) {
      for (const delta of out) {
        if (delta.kind === "finish") finish.set(delta.choice, delta.reason);
        else if (delta.kind === "tool-open") toolCalls += 1;
        else if (delta.kind === "error") error = { message: delta.message, type: delta.type };
      }
      for (const delta of deltas) {
        if (delta.kind === "usage") usage = { ...usage, ...delta.usage };
        else if (delta.kind === "timings") timings = delta.timings;
        else if (delta.kind === "meta") {
          const { kind: _kind, ...facts } = delta;
          meta = { ...meta, ...facts };
        }
      }
    },
    summary(chunks) {
      const derived = usage ?? fromTimings(timings);
      const cached = derived && derived.cachedTokens === undefined ? { ...derived, ...cachedFromTimings(timings) } : derived;
      return {
        ...meta,
        finishReasons: [...finish.entries()].sort(([a], [b]) => a - b).map(([, reason]) => reason),
        ...(cached ? { usage: cached } : {}),
        ...(timings ? { timings } : {}),
        toolCalls,
        chunks,
        ...(error ? { error } : {}),
      };
    },
  };
}

function fromTimings(timings: Timings | undefined): Usage | undefined {
  if (timings?.promptN === undefined || timings.predictedN === undefined) return undefined;
  return {
    promptTokens: (timings.cacheN ?? 0) + timings.promptN,
    completionTokens: timings.predictedN,
  };
}

function cachedFromTimings(timings: Timings | undefined): Usage {
  return timings?.cacheN === undefined ? {} : { cachedTokens: timings.cacheN };
}
