/** Where two prompts part: the first part and character, and what kind of change it is. */
import { promptLength, type PromptPart } from "./prompt.ts";
import { volatileAt, type VolatileKind } from "./volatile.ts";

export interface PromptDifference {
  /**
   * `changed`: the same place says something else. `inserted`, `removed`: a part stands in one only.
   * `extended`: all of the first is a beginning of the second. `shortened`: the other way round.
   */
  readonly change: "changed" | "inserted" | "removed" | "extended" | "shortened";
  /** Number of the part, of those in `promptOf`. */
  readonly part: number;
  readonly first: PromptPart | undefined;
  readonly second: PromptPart | undefined;
  /** Character in the part's text. */
  readonly at: number;
  /** At most 80 characters of each from a little before there. */
  readonly before: string;
  readonly after: string;
  readonly volatile: VolatileKind | undefined;
  /** Characters that both begin with, and lengths. */
  readonly sharedChars: number;
  readonly firstChars: number;
  readonly secondChars: number;
}

const LEAD = 20;
const SNIPPET = 80;

/** Undefined: the prompts are the same. */
export function diffPrompts(first: readonly PromptPart[], second: readonly PromptPart[]): PromptDifference | undefined {
  const length = Math.max(first.length, second.length);
  let sharedChars = 0;
  for (let part = 0; part < length; part++) {
    const a = first[part];
    const b = second[part];
    if (a && b && a.text === b.text && a.role === b.role && a.kind === b.kind) {
      sharedChars += a.text.length;
      continue;
    }
    const at = a && b && a.kind === b.kind && a.role === b.role ? firstDifference(a.text, b.text) : 0;
    return {
      change: changeOf(first, second, part),
      part,
      first: a,
      second: b,
      at,
      before: snippet(a?.text ?? "", at),
      after: snippet(b?.text ?? "", at),
      volatile: a && b ? volatileAt(a.text, b.text, at) : undefined,
      sharedChars: sharedChars + at,
      firstChars: promptLength(first),
      secondChars: promptLength(second),
    };
  }
  return undefined;
}

function changeOf(first: readonly PromptPart[], second: readonly PromptPart[], part: number): PromptDifference["change"] {
  if (part >= first.length) return "extended";
  if (part >= second.length) return "shortened";
  if (isSame(first[part], second[part + 1])) return "inserted";
  if (isSame(first[part + 1], second[part])) return "removed";
  return "changed";
}

function isSame(a: PromptPart | undefined, b: PromptPart | undefined): boolean {
  return a !== undefined && a.text === b?.text && a.role === b.role;
}

export function firstDifference(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  return at;
}

function snippet(text: string, at: number): string {
  const from = Math.max(0, at - LEAD);
  return `${from > 0 ? "…" : ""}${text.slice(from, from + SNIPPET)}${from + SNIPPET < text.length ? "…" : ""}`.toWellFormed();
}
