import { announcesExample, leavesCall, type Place } from "./context.ts";
import type { Offer } from "./offer.ts";
import type { CallRule, Piece, Reading } from "./rule.ts";
import { PROSE } from "./rule.ts";
import { skipClosers } from "./tags.ts";

/** A call rule with its name; gone from the list once it has thrown. */
export interface NamedCallRule {
  readonly name: string;
  readonly rule: CallRule;
}

export interface Held {
  readonly text: string;
  readonly place: Place;
  /** Begun by the first characters of a message: then the whole message is the block, or there is none. */
  readonly whole: boolean;
  /** Reasoning: a call counts only where nothing follows. */
  readonly last: boolean;
}

export interface Found {
  readonly rule: string;
  readonly piece: Piece;
  /** The block it was read from. */
  readonly source: string;
}

type Resolution =
  /** `rest` follows the calls and is to be read like any text. */
  | { readonly kind: "found"; readonly found: readonly Found[]; readonly rest: string }
  /** The first `length` characters are text. */
  | { readonly kind: "prose"; readonly length: number }
  | { readonly kind: "refused"; readonly rule: string; readonly reason: string };

export type Read = (named: NamedCallRule, text: string, at: number, offer: Offer) => Reading;

/** More in one reply is a loop, and none of a client's business. */
export const MAX_CALLS = 1000;

/**
 * What a held block is, now that the message is over: calls in a row, or text. Nothing inside a
 * block that was refused is looked at again: it may be what a file was to contain.
 */
export function resolve(held: Held, rules: readonly NamedCallRule[], offer: Offer, read: Read): Resolution {
  const { text, place } = held;
  const found: Found[] = [];
  let at = 0;
  while (at < text.length) {
    const one = readAny(text, at, rules, offer, read, held.whole);
    if (one.reading.kind === "refused") return { kind: "refused", rule: one.rule, reason: one.reading.reason };
    if (one.reading.kind === "prose") break;
    const source = text.slice(at, one.reading.end);
    for (const piece of one.reading.pieces) found.push({ rule: one.rule, piece, source });
    if (found.length > MAX_CALLS) return { kind: "refused", rule: one.rule, reason: `more than ${MAX_CALLS} calls` };
    at = skipClosers(text, one.reading.end);
  }
  if (found.length === 0) return { kind: "prose", length: text.length };
  const calls = found.some(({ piece }) => piece.kind === "call");
  if (announcesExample(place.intro) || (place.said && !calls)) return { kind: "prose", length: at };
  if (at >= text.length) return { kind: "found", found, rest: "" };
  const follows = !held.whole && !held.last && leavesCall(place, text.slice(text.slice(0, at).trimEnd().length, at), text.slice(at));
  return follows ? { kind: "found", found, rest: text.slice(at) } : { kind: "prose", length: at };
}

function readAny(
  text: string,
  at: number,
  rules: readonly NamedCallRule[],
  offer: Offer,
  read: Read,
  whole: boolean,
): { rule: string; reading: Reading } {
  let refusal: { rule: string; reading: Reading } | undefined;
  for (const named of rules) {
    const marks = whole ? [...named.rule.openings, ...named.rule.markers] : named.rule.markers;
    if (!marks.some((mark) => text.startsWith(mark, at))) continue;
    if (named.rule.needsTools && offer.tools.length === 0) continue;
    const reading = read(named, text, at, offer);
    if (reading.kind === "block" && reading.end > at) return { rule: named.name, reading };
    if (reading.kind === "refused") refusal ??= { rule: named.name, reading };
  }
  return refusal ?? { rule: "", reading: PROSE };
}
