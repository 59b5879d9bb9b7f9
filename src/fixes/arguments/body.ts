/**
 * What of a string's body passes whatever rules there are, so that no machine need read it. Said twice, for
 * a text (`passes`) and by character (`BodyWakes`): the two must agree.
 */
import { ESCAPE, WAKES, type Wakes } from "../wakes.ts";
import { isEscaped } from "./trust.ts";

/* oxlint-disable-next-line no-control-regex -- what a JSON string may not hold raw */
const SPECIAL = /["\\\u0000-\u001f]/;

/** `trusted`: sound escapes pass too. `marks`: rules look at every `<`. */
export function passes(text: string, trusted: boolean, marks: boolean): boolean {
  if (marks && text.includes("<")) return false;
  return !SPECIAL.test(text) || (trusted && isEscaped(text));
}

/** The same by character, for any text there may be. */
export interface BodyWakes {
  readonly trusted: Wakes;
  readonly other: Wakes;
}

export function bodyWakes(marks: boolean): BodyWakes {
  const other = new Uint8Array(256).fill(WAKES, 0, 0x20);
  for (const c of marks ? '"\\<' : '"\\') other[c.charCodeAt(0)] = WAKES;
  const trusted = other.slice();
  trusted["\\".charCodeAt(0)] = ESCAPE;
  return { trusted, other };
}
