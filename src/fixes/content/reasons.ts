/** Finish reasons in the words of the APIs. */

/** Words for an end that came too early; whatever is held then may be half of something. */
const CUT_REASONS: ReadonlySet<string> = new Set([
  "length",
  "max_tokens",
  "max_output_tokens",
  "model_context_window_exceeded",
  "content_filter",
  "refusal",
  "incomplete",
  "error",
]);
const CALL_REASONS: ReadonlyMap<string, string> = new Map([
  ["stop", "tool_calls"],
  ["end_turn", "tool_use"],
  ["stop_sequence", "tool_use"],
]);

/** Whether a reply ended before it was done: what is held may be half of something. */
export function isCut(reason: string): boolean {
  return CUT_REASONS.has(reason);
}

/** The reason for a reply that makes calls; undefined where `reason` need not change. */
export function reasonWithCalls(reason: string): string | undefined {
  return CALL_REASONS.get(reason);
}
