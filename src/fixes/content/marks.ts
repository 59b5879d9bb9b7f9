import { wakesAt, type Wakes } from "../wakes.ts";
import type { CallRule } from "./rule.ts";

/**
 * The marks of all rules, found in text as it comes. Nearly all begin with `<`; text without one
 * costs a search for a character.
 */
export interface Marks {
  /** Where in plain text one may begin. */
  readonly wakes: Wakes;
  /** False: no mark stands or begins in this text, whatever comes before or behind it. */
  mayStand(text: string): boolean;
  /**
   * Index of the next place at or behind `from` where a mark may stand, or begin at the end of the
   * text; -1 for none. `before`: the character in front of the text.
   */
  next(text: string, from: number, before: string): number;
  /** Whether a whole mark stands at `at`; `"cut"` where the text ends inside one. */
  at(text: string, at: number): boolean | "cut";
  /** The same for what may begin a message. */
  opens(text: string, at: number): boolean | "cut";
}

export function createMarks(rules: readonly CallRule[], tokens: readonly string[]): Marks {
  const all = [...new Set([...rules.flatMap((rule) => rule.markers), ...tokens])];
  const angle = all.filter((mark) => mark.startsWith("<"));
  const others = all.filter((mark) => !mark.startsWith("<"));
  // Of the many that begin with `<`, the few that go on with the same character.
  const bySecond = new Map<number, string[]>();
  for (const mark of angle) bySecond.set(mark.charCodeAt(1), [...(bySecond.get(mark.charCodeAt(1)) ?? []), mark]);
  const openings = [...new Set(rules.flatMap((rule) => rule.openings))];

  /** Where the rare marks stand in the window of the text looked at last: each is searched for once, not at every `<`. */
  let known = "";
  let base = 0;
  let end = 0;
  let slice = "";
  const places: number[] = others.map(() => -1);

  function openWindow(text: string, from: number): void {
    known = text;
    base = Math.max(0, from - 1);
    end = Math.min(text.length, from + WINDOW);
    // A mark that begins inside the window ends inside the slice.
    slice = text.slice(base, end + MAX_MARK);
    places.fill(base - 1);
  }

  function nextOther(text: string, start: number, before: string, angleAt: number): number {
    let from = start;
    if (text !== known || from <= base || from >= end) openWindow(text, from);
    for (;;) {
      let found = -1;
      for (let i = 0; i < others.length; i++) {
        let at = places[i] ?? -1;
        if (at < from) {
          const inside = nextOf(others[i] ?? "", slice, from - base, before);
          at = inside < 0 || (inside + base >= end && end < text.length) ? Infinity : inside + base;
          places[i] = at;
        }
        if (at < Infinity && (found < 0 || at < found)) found = at;
      }
      if (found >= 0 || end >= text.length || (angleAt >= 0 && angleAt < end)) return found;
      from = end;
      openWindow(text, from);
    }
  }

  let last = 0;
  let angleKnown = "";
  let angleAt = -1;

  function nextAngle(text: string, from: number): number {
    if (text !== angleKnown || (angleAt >= 0 && angleAt < from)) angleAt = angle.length > 0 ? text.indexOf("<", from) : -1;
    angleKnown = text;
    return angleAt;
  }

  /** Of each rare mark, its first character (which may end the text) and its first two. */
  const beginnings = [...new Set(others.map((mark) => mark.slice(0, 2)))];
  const may = beginningOf(["<", ...beginnings]);

  return {
    // Think tags, which are no marks, begin with `<` too.
    wakes: wakesAt([...all, "<"]),
    mayStand: (text) => may.test(text),
    next(text, from, before) {
      // What is known holds for a text that is read on, not for one that is read again.
      if (from <= last) known = angleKnown = "";
      last = from;
      const found = nextAngle(text, from);
      const other = others.length > 0 ? nextOther(text, from, before, found) : -1;
      return found < 0 || (other >= 0 && other < found) ? other : found;
    },
    at(text, at) {
      if (text.charCodeAt(at) !== 60) return stands(others, text, at);
      const marks = at + 1 < text.length ? bySecond.get(text.charCodeAt(at + 1)) : angle;
      return marks ? stands(marks, text, at) : false;
    },
    opens: (text, at) => stands(openings, text, at),
  };
}

/** Finds any of `marks`, or the first character of one at the very end. */
function beginningOf(marks: readonly string[]): RegExp {
  const whole = marks.map((mark) => escaped(mark)).join("|");
  const cut = marks.map((mark) => escaped(mark.slice(0, 1))).join("|");
  return new RegExp(`${whole}|(?:${cut})$`, "u");
}

function escaped(text: string): string {
  return text.replaceAll(/[^\w\s<]/gu, (letter) => `\\u{${letter.codePointAt(0)?.toString(16)}}`);
}

function stands(marks: readonly string[], text: string, at: number): boolean | "cut" {
  const left = text.length - at;
  let cut = false;
  for (const mark of marks) {
    if (left >= mark.length) {
      if (text.startsWith(mark, at)) return true;
    } else if (mark.startsWith(text.slice(at))) cut = true;
  }
  return cut ? "cut" : false;
}

/** Rare marks are searched for in so much text at a time. */
const WINDOW = 4096;
/** No mark is longer. */
const MAX_MARK = 32;

/** A mark that is a word or a bracket (`functions.`, `[TOOL_CALLS]`) begins only where no word is under way. */
function nextOf(mark: string, text: string, from: number, before: string): number {
  const first = mark.charAt(0);
  for (let at = text.indexOf(mark, from); at >= 0; at = text.indexOf(mark, at + 1)) {
    if (!WORD.test(at > 0 ? text.charAt(at - 1) : before)) return at;
  }
  // The end of the text may be the beginning of the mark.
  const tail = Math.max(from, text.length - mark.length + 1);
  for (let at = text.indexOf(first, tail); at >= 0; at = text.indexOf(first, at + 1)) {
    if (mark.startsWith(text.slice(at)) && !WORD.test(at > 0 ? text.charAt(at - 1) : before)) return at;
  }
  return -1;
}

const WORD = /[\p{L}\p{N}_]/u;
