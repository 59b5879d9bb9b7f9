import type { FixNote } from "../core/exchange.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { parseOrUndefined } from "../wire/json.ts";
import type { FixPlan } from "./fix.ts";
import { createNotes } from "./lane.ts";

export interface FixedRequest {
  /** `body` itself when nothing changed. */
  readonly forward: Uint8Array;
  readonly notes: readonly FixNote[];
}

/**
 * Request fixes on a body that parsed as JSON: the same as bytes, parsed, and as text where somebody has
 * it already. Never throws; a fix that does is skipped with a note. Each fix sees what the one before it made.
 */
export function fixRequest(
  plan: FixPlan,
  dialect: Dialect,
  body: Uint8Array,
  parsed: unknown,
  original: string = new TextDecoder().decode(body),
): FixedRequest {
  const notes = createNotes();
  let text = original;
  let current = parsed;
  for (const { fix, mode, options } of plan) {
    if (fix.kind !== "request") continue;
    const note = notes.by(fix.name, mode);
    try {
      const mended = fix.mend({ dialect, text, body: current, note }, options as never);
      if (mended === undefined || mode !== "fix") continue;
      const reparsed = parseOrUndefined(mended);
      if (reparsed === undefined) {
        note({ action: "skipped", target: "request", reason: "the mended body would not be JSON" });
        continue;
      }
      text = mended;
      current = reparsed;
    } catch (cause) {
      note({ action: "skipped", target: "request", reason: `failed: ${String(cause)}` });
    }
  }
  return { forward: text === original ? body : new TextEncoder().encode(text), notes: notes.list };
}
