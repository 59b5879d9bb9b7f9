/** How much of a prompt the cache could have held, and how much of it was used. */
import type { Recording } from "../../core/recording.ts";
import { diffPrompts, type PromptDifference } from "../prompt-diff.ts";
import { promptLength, type PromptPart } from "../prompt.ts";
import { promptParts } from "./neighbours.ts";
import { numbersOf, promptCostMs, type Numbers } from "./numbers.ts";

export interface Reuse {
  readonly previous: Recording;
  readonly before: readonly PromptPart[];
  readonly now: readonly PromptPart[];
  readonly numbers: Numbers;
  readonly previousNumbers: Numbers;
  /** Undefined: the very same prompt. */
  readonly difference: PromptDifference | undefined;
  /** Tokens the earlier exchange left in the context, at most this prompt: what could have been reused had nothing changed. */
  readonly leftTokens: number;
  /** About so many tokens stand before the difference. */
  readonly sharedTokens: number;
  readonly cachedTokens: number;
  /** `leftTokens` that were processed again, and how long that took. */
  readonly lostTokens: number;
  readonly lostMs: number | undefined;
}

/** Undefined where token counts are missing. */
export function reuseOf(previous: Recording, recording: Recording): Reuse | undefined {
  const [numbers, previousNumbers] = [numbersOf(recording), numbersOf(previous)];
  const { promptTokens, cachedTokens } = numbers;
  if (promptTokens === undefined || cachedTokens === undefined) return undefined;
  const [before, now] = [promptParts(previous), promptParts(recording)];
  const difference = diffPrompts(before, now);
  // The last token is always processed anew.
  const left = (previousNumbers.promptTokens ?? 0) + (previousNumbers.completionTokens ?? 0);
  const leftTokens = Math.max(0, Math.min(left, promptTokens - 1));
  const chars = promptLength(now);
  const shared = difference ? difference.sharedChars / Math.max(1, chars) : 1;
  const lostTokens = Math.max(0, leftTokens - cachedTokens);
  return {
    previous,
    before,
    now,
    numbers,
    previousNumbers,
    difference,
    leftTokens,
    sharedTokens: Math.round(shared * promptTokens),
    cachedTokens,
    lostTokens,
    lostMs: lostTokens === 0 ? 0 : promptCostMs(numbers, lostTokens),
  };
}
