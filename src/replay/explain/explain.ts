/**
 * One exchange explained from what was recorded: where its time went, why its prompt was not found in
 * the cache, why it failed. Causes are likely, not proven: llama-server does not tell its slots' story.
 */
import type { Recording } from "../../core/recording.ts";
import type { PromptDifference } from "../prompt-diff.ts";
import { explainCache, type CacheFinding } from "./cache.ts";
import { explainFailure, type Failure } from "./failure.ts";
import type { Neighbours } from "./neighbours.ts";
import { reuseOf } from "./reuse.ts";
import { explainSlow, type Slowness } from "./slow.ts";

export interface Explanation {
  readonly id: string;
  readonly durationMs: number;
  /** Undefined: it did not fail. */
  readonly failure: Failure | undefined;
  readonly time: Slowness;
  readonly cache: CacheFinding & {
    /** The earlier exchange whose context could have been reused. */
    readonly previous: string | undefined;
    readonly difference: PromptDifference | undefined;
    readonly promptTokens: number | undefined;
    readonly cachedTokens: number | undefined;
    /** Tokens processed again that the earlier exchange had left in the context, and what that took. */
    readonly reprocessedTokens: number | undefined;
    readonly reprocessedMs: number | undefined;
  };
}

export function explain(recording: Recording, { previous, around }: Neighbours): Explanation {
  const reuse = previous && reuseOf(previous, recording);
  const { promptTokens, cachedTokens } = recording.metrics;
  return {
    id: recording.id,
    durationMs: recording.metrics.durationMs,
    failure: explainFailure(recording),
    time: explainSlow(recording, previous ? [previous, ...around] : around),
    cache: {
      ...explainCache(recording, reuse, around),
      previous: previous?.id,
      difference: reuse?.difference,
      promptTokens,
      cachedTokens,
      reprocessedTokens: reuse?.lostTokens,
      reprocessedMs: reuse?.lostMs,
    },
  };
}
