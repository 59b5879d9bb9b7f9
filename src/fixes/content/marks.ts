import type { CallRule } from "./rule.ts";

/**
 * The marks of all rules, found in text as it comes. Nearly all begin with `<`; text without one
 * costs a search for a character.
 */
export interface Marks {
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
  const openings = [...new Set(rules.flatMap((rule) => rule.openings))];

  /** Where the rare marks stand next in the text looked at last: each is searched for once, not at every `<`. */
  let known = "";
  const places: number[] = [];

  function nextOther(text: string, from: number, before: string): number {
    const same = from > 0 && text === known;
    known = text;
    let found = -1;
    for (let i = 0; i < others.length; i++) {
      const last = same ? (places[i] ?? -1) : from - 1;
      const at = same && (last < 0 || last >= from) ? last : nextOf(others[i] ?? "", text, from, before);
      places[i] = at;
      if (at >= 0 && (found < 0 || at < found)) found = at;
    }
    return found;
  }

  return {
    next(text, from, before) {
      const found = angle.length > 0 ? text.indexOf("<", from) : -1;
      const other = nextOther(text, from, before);
      return found < 0 || (other >= 0 && other < found) ? other : found;
    },
    at: (text, at) => stands(text.charCodeAt(at) === 60 ? angle : others, text, at),
    opens: (text, at) => stands(openings, text, at),
  };
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
