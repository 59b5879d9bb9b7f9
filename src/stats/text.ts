/** Text for a terminal: widths, cutting, colours and numbers as people read them. */

/**
 * Makes text from elsewhere (model names, paths, reasons) safe to print on one line: control characters
 * and escape sequences lose their power, direction marks are dropped.
 */
export function clean(text: string): string {
  return (
    text
      .toWellFormed()
      .replace(/[\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF]/g, "")
      // oxlint-disable-next-line no-control-regex -- control characters are what this is about
      .replace(/[\u0000-\u001F\u007F-\u009F]+/g, " ")
  );
}

// Wide in a terminal: East Asian wide and fullwidth blocks, and emoji shown as pictures.
const WIDE =
  /[\u1100-\u115F\u2E80-\u303E\u3041-\u33FF\u3400-\u4DBF\u4E00-\u9FFF\uA000-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1B000}-\u{1B2FF}\u{1F200}-\u{1F2FF}\u{20000}-\u{3FFFD}]|\p{Emoji_Presentation}/u;
// oxlint-disable-next-line no-control-regex -- the quick way for plain ASCII
const ASCII = /^[\u0020-\u007E]*$/;

let segmenter: Intl.Segmenter | undefined;

function graphemes(text: string): string[] {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/**
 * Columns that `text` takes in a terminal; `text` holds no escape sequences. Counted character by
 * character, as terminals do, so that two texts side by side take what they take apart.
 */
export function displayWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let columns = 0;
  let before = "";
  let previous = "";
  for (const character of text) {
    // A family of emoji, joined, is one picture.
    const joined = previous === "\u200D" && PICTURE.test(before) && PICTURE.test(character);
    if (character === "\uFE0F") columns += PICTURE.test(previous) && !WIDE.test(previous) ? 1 : 0;
    else if (!joined && !/[\p{Mark}\p{Cf}]/u.test(character)) columns += WIDE.test(character) ? 2 : 1;
    before = previous;
    previous = character;
  }
  return columns;
}

const PICTURE = /\p{Extended_Pictographic}/u;

/** At most `width` columns; what is cut ends in `…`. */
export function cut(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  if (width <= 0) return "";
  let kept = "";
  let used = 0;
  for (const grapheme of ASCII.test(text) ? text : graphemes(text)) {
    const columns = displayWidth(grapheme);
    if (used + columns > width - 1) break;
    kept += grapheme;
    used += columns;
  }
  return `${kept}…`;
}

/** `cut`, and filled up with spaces to exactly `width` columns. */
export function fit(text: string, width: number, align: "left" | "right" = "left"): string {
  const short = cut(text, width);
  const space = " ".repeat(Math.max(0, width - displayWidth(short)));
  return align === "left" ? short + space : space + short;
}

type Paint = (text: string) => string;

/** Colours by meaning; each the identity where colours are off. */
export interface Style {
  readonly strong: Paint;
  readonly faint: Paint;
  readonly good: Paint;
  readonly warn: Paint;
  readonly bad: Paint;
}

const asIs: Paint = (text) => text;
export const PLAIN: Style = { strong: asIs, faint: asIs, good: asIs, warn: asIs, bad: asIs };
export const COLOUR: Style = {
  strong: (text) => `\u001B[1m${text}\u001B[22m`,
  faint: (text) => `\u001B[2m${text}\u001B[22m`,
  good: (text) => `\u001B[32m${text}\u001B[39m`,
  warn: (text) => `\u001B[33m${text}\u001B[39m`,
  bad: (text) => `\u001B[31m${text}\u001B[39m`,
};

/** `161ms`, `2.47s`, `3m12s`, `2h05m`. */
export function spanText(ms: number): string {
  if (ms < 10) return `${trimmed(ms, 1)}ms`;
  if (ms < 999.5) return `${Math.round(ms)}ms`;
  if (ms < 59_995) return `${(ms / 1000).toFixed(2)}s`;
  const whole = Math.round(ms / 1000);
  if (whole < 3600) return `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, "0")}s`;
  const minutes = Math.round(ms / 60_000);
  return `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, "0")}m`;
}

/** `12,345`. */
export function countText(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `1.5 GB`, decimal units. */
export function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** At most `digits` decimals, without trailing zeros. */
export function trimmed(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}

/** `14:03:22` in local time. */
export function clockText(unixMs: number): string {
  const date = new Date(unixMs);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}

/** `2026-11-20 14:03:22` in local time. */
export function dateText(unixMs: number): string {
  const date = new Date(unixMs);
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
  return `${day} ${clockText(unixMs)}`;
}
