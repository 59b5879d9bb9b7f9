/** Explanations and prompt differences as `--json` has them. */
import type { Explanation } from "../replay/explain/explain.ts";
import type { Finding } from "../replay/explain/finding.ts";
import type { PromptDifference } from "../replay/prompt-diff.ts";

export function explanationJson({ id, durationMs, failure, time, cache }: Explanation): Record<string, unknown> {
  return {
    id,
    duration_ms: durationMs,
    failure: failure && { ...findingJson(failure), outcome: failure.outcome, status: failure.status, message: failure.message },
    time: {
      slowest: findingJson(time.slowest),
      phases: time.phases.map(({ name, ms }) => ({ name, ms })),
      stalls: time.stalls.map(({ frame, atMs, ms, during }) => ({ frame, at_ms: atMs, ms, during })),
    },
    cache: {
      ...findingJson(cache),
      also: cache.also && findingJson(cache.also),
      previous: cache.previous,
      difference: cache.difference && differenceJson(cache.difference),
      prompt_tokens: cache.promptTokens,
      cached_tokens: cache.cachedTokens,
      reprocessed_tokens: cache.reprocessedTokens,
      reprocessed_ms: cache.reprocessedMs,
    },
  };
}

export function differenceJson(difference: PromptDifference): Record<string, unknown> {
  return {
    change: difference.change,
    part: (difference.second ?? difference.first)?.name,
    part_index: difference.part,
    character: difference.at,
    before: difference.before,
    after: difference.after,
    volatile: difference.volatile,
    shared_chars: difference.sharedChars,
    first_chars: difference.firstChars,
    second_chars: difference.secondChars,
  };
}

function findingJson({ code, text, cure }: Finding): Record<string, unknown> {
  return { code, text, cure };
}
