/** Texts that change from request to request without anybody meaning to say something else. */

export type VolatileKind = "attribution" | "date-time" | "id";

export interface VolatileSpan {
  readonly kind: VolatileKind;
  readonly from: number;
  readonly to: number;
}

const MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\\.?";
const DAY = "(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\\s+)?";

const PATTERNS: readonly (readonly [VolatileKind, RegExp])[] = [
  // Claude Code's line in the system text; `cch=` is another one every time.
  ["attribution", /x-anthropic-billing-header:[^\n]*/g],
  ["id", /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi],
  ["id", /\b(?:req|ses|sess|session|run|trace|thread|msg|call|toolu)[_-][A-Za-z0-9]{8,}\b/g],
  ["date-time", /\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s?(?:Z|UTC|[+-]\d{2}:?\d{2})?)?/g],
  [
    "date-time",
    new RegExp(`${DAY}\\b${MONTH}\\s+\\d{1,2}(?:st|nd|rd|th)?,?(?:\\s+\\d{2}:\\d{2}(?::\\d{2})?)?(?:\\s+\\w{3,4})?\\s+\\d{4}\\b`, "g"),
  ],
  ["date-time", new RegExp(`${DAY}\\b\\d{1,2}\\.?\\s+${MONTH}\\s+\\d{4}\\b`, "g")],
  ["date-time", /\b\d{1,2}[/.]\d{1,2}[/.]\d{4}\b/g],
  ["date-time", /\b\d{1,2}:\d{2}(?::\d{2})?(?:\s?[AaPp][Mm])?\b/g],
  // Unix time in seconds or milliseconds, 2017 to 2033.
  ["date-time", /\b1[5-9]\d{8}(?:\d{3})?\b/g],
];

/** In order of place, none overlapping: the first pattern to claim a place has it. */
export function volatileSpans(text: string): readonly VolatileSpan[] {
  const spans: VolatileSpan[] = [];
  // By character, so that a log with thousands of times in it stays cheap.
  const claimed = new Uint8Array(text.length);
  for (const [kind, pattern] of PATTERNS) {
    for (const match of text.matchAll(pattern)) {
      const from = match.index;
      const to = from + match[0].length;
      if (claimed.subarray(from, to).includes(1)) continue;
      claimed.fill(1, from, to);
      spans.push({ kind, from, to });
    }
  }
  return spans.sort((a, b) => a.from - b.from);
}

/** The text with every volatile span replaced by the name of its kind. */
export function maskVolatile(text: string): string {
  let masked = "";
  let at = 0;
  for (const { kind, from, to } of volatileSpans(text)) {
    masked += `${text.slice(at, from)}\u0000${kind}\u0000`;
    at = to;
  }
  return masked + text.slice(at);
}

/** What kind of volatile text stands at a character, in either of two texts that agree up to there. */
export function volatileAt(a: string, b: string, at: number): VolatileKind | undefined {
  const inside = (text: string) => volatileSpans(text).find((span) => span.from <= at && at < span.to);
  return (inside(a) ?? inside(b))?.kind;
}
