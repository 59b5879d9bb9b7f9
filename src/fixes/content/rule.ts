import type { Offer } from "./offer.ts";

/**
 * What a rule knows about text. The scanner (scanner.ts) does the reading, cutting and holding for
 * all rules together; a rule only names the marks it goes by, judges and reads.
 */
export type ContentRule = CallRule | TailRule | ThinkRule | ReasoningRule | RepeatRule;

/** A call found in text, with its arguments as JSON text: checked against the offer, not yet mended. */
export interface Call {
  readonly name: string;
  readonly arguments: string;
}

export type Piece =
  | { readonly kind: "call"; readonly call: Call }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "reasoning"; readonly text: string };

/**
 * Judgement on the first characters of a block: "no" releases it, "yes" holds it to the end of the
 * message, "maybe" asks for more. A "no" or "yes" holds for every text that begins the same way;
 * that is what makes the result independent of how the stream was cut.
 */
export type Verdict = "no" | "maybe" | "yes";

export type Reading =
  /** `end`: where the block ends in the text that was read. */
  | { readonly kind: "block"; readonly pieces: readonly Piece[]; readonly end: number }
  /** It speaks of a call, or is another rule's. */
  | { readonly kind: "prose" }
  /** It is a call, but not one that may be made: cut off, a required key missing, ambiguous. */
  | { readonly kind: "refused"; readonly reason: string };

export const PROSE: Extract<Reading, { kind: "prose" }> = { kind: "prose" };

export function refused(reason: string): Extract<Reading, { kind: "refused" }> {
  return { kind: "refused", reason };
}

/** A family of calls written as text. */
export interface CallRule {
  readonly kind: "call";
  /** Texts that begin a block wherever the message itself speaks (not in code, quotes or fences). At most 32 characters. */
  readonly markers: readonly string[];
  /** Texts that, as the very first of a message, may make the whole of it a block. */
  readonly openings: readonly string[];
  /** False for what may also be mended when no tools are offered. */
  readonly needsTools: boolean;
  /**
   * Whether a block that was read stays the same whatever text follows it. Then prose behind it is
   * seen at once where none may follow, and nothing waits for the end of the message.
   */
  readonly stable: boolean;
  /** Judges a text that begins with one of the marks. Called on a few hundred characters at most. */
  readonly head: (text: string, offer: Offer) => Verdict;
  /** Reads what begins at `at`; the text is the whole rest of the message. Must be linear in its length. */
  readonly read: (text: string, at: number, offer: Offer) => Reading;
}

/** Tokens that have no business at the end of a message. */
export interface TailRule {
  readonly kind: "tail";
  readonly tokens: readonly string[];
}

/** Think blocks left in the content. */
export interface ThinkRule {
  readonly kind: "think";
  readonly tags: readonly { readonly open: string; readonly close: string }[];
  /** Models whose template opens the think block itself, so that the reply begins inside it. Parts of names, lower case. */
  readonly prefilled: readonly string[];
}

/** Lets the call rules look at reasoning too. */
interface ReasoningRule {
  readonly kind: "reasoning";
}

/** Drops a call that repeats the one before it, where the request wants one call at a time. */
export interface RepeatRule {
  readonly kind: "repeat";
}
