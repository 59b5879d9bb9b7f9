/** Why the prompt cache was missed: the place, the price, the likely cause and its cure. */
import type { RecordedExchange, Recording } from "../../core/recording.ts";
import { isObject, parseOrUndefined } from "../../wire/json.ts";
import type { Finding } from "./finding.ts";
import { promptCause } from "./prompt-cause.ts";
import type { Reuse } from "./reuse.ts";
import { stateCause } from "./state-cause.ts";

export interface CacheFinding extends Finding {
  /** What also played a part, if anything. */
  readonly also: Finding | undefined;
}

/** Fewer tokens than this are not worth a word: chunk borders, the template's own trailing tokens. */
const SLACK_TOKENS = 32;
const SLACK_SHARE = 0.03;

/**
 * `reuse` undefined: there is no earlier prompt that begins alike, or no token counts. A finding
 * without a cure says that nothing was lost.
 */
export function explainCache(recording: Recording, reuse: Reuse | undefined, around: readonly RecordedExchange[]): CacheFinding {
  const body = parseOrUndefined(new TextDecoder().decode(recording.request.forwarded));
  if (recording.metrics.promptTokens === undefined) return none("unknown", "llama-server reported no prompt tokens for this exchange");
  if (isObject(body) && body["cache_prompt"] === false && (recording.metrics.cachedTokens ?? 0) === 0) {
    return {
      code: "cache-off",
      text: "the request switches the prompt cache off (cache_prompt: false)",
      cure: "leave cache_prompt out",
      also: undefined,
    };
  }
  if (recording.metrics.cachedTokens === undefined)
    return none("unknown", "llama-server did not report how much of the prompt came from the cache");
  if (!reuse || reuse.leftTokens === 0)
    return none("first-prompt", "no earlier recorded prompt begins like this one: there was nothing to reuse");
  if (reuse.lostTokens <= slack(reuse.leftTokens)) return none("hit", "what the turn before had left in the context was reused");

  const prompt = promptCause(reuse.before, reuse.now, reuse.difference);
  const state = stateCause(recording, reuse, around);
  // Up to the place where the prompts part the cache could have been used; when it was not, the place is not why.
  const placeExplains = prompt !== undefined && reuse.cachedTokens >= reuse.sharedTokens * 0.5 - SLACK_TOKENS;
  if (prompt && (placeExplains || !state)) return { ...prompt, also: undefined };
  if (state) return { ...state, also: prompt };
  return {
    code: "unknown",
    text: "the prompt goes on where the turn before ended, and yet llama-server did not reuse it",
    cure: "its log (-lv 1) tells which slot took the request and why; --slot-prompt-similarity and --cache-reuse decide it",
    also: undefined,
  };
}

function slack(tokens: number): number {
  return Math.max(SLACK_TOKENS, tokens * SLACK_SHARE);
}

function none(code: string, text: string): CacheFinding {
  return { code, text, also: undefined };
}
