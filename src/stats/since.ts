import { parseDuration } from "../core/units.ts";

/**
 * The Unix milliseconds a person means by `90s`, `15m`, `1h`, `7d` (so long before `now`) or an ISO time
 * (local where it names no zone). Undefined when it is neither.
 */
export function parseSince(text: string, now: number): number | undefined {
  const word = text.trim();
  if (/^\d+(?:\.\d+)?(?:ms|s|m|h|d|w)$/i.test(word)) {
    const ms = parseDuration(word);
    return ms === undefined ? undefined : now - ms;
  }
  const match = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:?\d{2})?)?$/i.exec(word);
  if (!match) return undefined;
  // A bare date is local midnight: Date.parse alone would read it as UTC.
  const at = Date.parse(`${match[1]}T${match[2] ?? "00:00"}${match[3] ?? ""}`);
  return Number.isNaN(at) ? undefined : at;
}
