import { TextContext, type Place } from "./context.ts";
import type { Marks } from "./marks.ts";
import { skipSpace } from "./literal.ts";
import type { Verdict } from "./rule.ts";

/** A block up to this size is judged with every piece. */
const OFTEN = 256;
/** A block that begins with more than this and still is not clearly a call is text. */
const HEAD = 4096;
/** More than this is not held: it goes out as it is. In UTF-16 units. */
const MAX_HELD = 1024 * 1024;

/** What is read: a choice's text or its reasoning. */
export type Target = "content" | "reasoning";

/** What a scanner asks of its stage; `target`: which scanner it is. */
export interface ScannerHost {
  /**
   * Judges a block by its beginning, over all rules. `opening`: the block is the beginning of the
   * message; `alone`: it does not begin a line, so that nothing may follow it. A number: so many
   * characters are prose.
   */
  judge(target: Target, head: string, opening: boolean, alone: boolean): Verdict | number;
  /** Whether end tokens at this place may be cut when nothing follows: "maybe" or "no". */
  judgeTail(target: Target, head: string, context: TextContext): Verdict;
  /** `original` is given when the text is a whole delta, unchanged. */
  write(target: Target, text: string, original: boolean): void;
  overflow(target: Target, text: string): void;
}

export interface Block {
  readonly text: string;
  /** Undefined where no call may begin. */
  readonly place: Place | undefined;
  readonly opening: boolean;
  /** Nothing but end tokens and white space. */
  readonly tail: boolean;
}

const NO_PARTS: string[] = [];

/**
 * Reads one kind of text of one choice. Text flows; what may be the beginning of a mark waits for
 * its next character, what is the beginning of a block waits for the end of the message.
 */
export class Scanner {
  readonly context = new TextContext();
  readonly #host: ScannerHost;
  readonly #target: Target;
  readonly #marks: Marks;
  /** What may begin a mark. */
  #pending = "";
  #parts: string[] = NO_PARTS;
  #size = 0;
  #block: { readonly place: Place | undefined; readonly opening: boolean; decided: boolean } | undefined;
  /** The size at which an undecided block is judged again. */
  #judgeAt = 0;
  /** Its size when it was judged last. */
  #judged = 0;
  #started = false;
  #off = false;

  constructor(host: ScannerHost, target: Target, marks: Marks) {
    this.#host = host;
    this.#target = target;
    this.#marks = marks;
  }

  get held(): number {
    return this.#pending.length + this.#size;
  }

  /** Text without the beginning of a mark would pass as it is. */
  get sleeps(): boolean {
    return this.#off || (this.#started && this.#pending === "" && !this.#block);
  }

  push(text: string): void {
    // What nearly every piece is.
    if (this.sleeps && !this.#marks.mayStand(text)) return text === "" ? undefined : this.#write(text, true);
    if (this.#off) return this.#write(text, true);
    if (this.#block) return this.#extend(text);
    const pending = this.#pending;
    this.#pending = "";
    this.#scan(pending + text, pending === "");
  }

  /** Something else was said: what might have begun a mark is text. A block goes on. */
  letGo(): void {
    if (this.#block || this.#pending === "") return;
    const pending = this.#pending;
    this.#pending = "";
    this.#write(pending, false);
  }

  /** The message is over: the block that is held, if any. What only might have become one goes out. */
  take(): Block | undefined {
    while (this.#block?.decided === false && this.#judged < this.#size) this.#judge();
    const pending = this.#pending;
    this.#pending = "";
    if (pending !== "") this.#write(pending, false);
    const block = this.#block;
    if (!block) return undefined;
    const text = this.#parts.length === 1 ? (this.#parts[0] ?? "") : this.#parts.join("");
    this.#reset();
    const tail = !block.decided && !block.opening && this.#host.judgeTail(this.#target, text, this.context) === "maybe";
    return { text, place: block.place, opening: block.opening, tail };
  }

  /** Everything held, as it is; from here on text only passes. */
  release(): void {
    const text = this.#pending + this.#parts.join("");
    this.#pending = "";
    this.#reset();
    this.#off = true;
    if (text !== "") this.#write(text, false);
  }

  /** Text that is not to be looked at. */
  pass(text: string): void {
    if (text !== "") this.#write(text, false);
  }

  #reset(): void {
    this.#block = undefined;
    this.#parts = NO_PARTS;
    this.#size = 0;
  }

  #write(text: string, original: boolean): void {
    this.context.feed(text);
    this.#host.write(this.#target, text, original);
  }

  #extend(text: string): void {
    this.#parts.push(text);
    this.#size += text.length;
    if (this.#size > MAX_HELD) {
      this.#host.overflow(this.#target, this.#parts[0] ?? "");
      return this.release();
    }
    if (this.#block?.decided === false && this.#size >= this.#judgeAt) this.#judge();
  }

  /** Decides by the head whether the block stays; text that it gives up is read on from its second character. */
  #judge(): void {
    const block = this.#block;
    if (!block) return;
    const text = this.#parts.join("");
    this.#judged = text.length;
    const head = text.slice(0, HEAD);
    const verdict = this.#verdict(head, block.place, block.opening, this.context);
    if (verdict === "yes") block.decided = true;
    if (verdict === "yes" || (verdict === "maybe" && text.length <= HEAD)) {
      this.#parts = [text];
      // Judging costs the length of the head: a long one is looked at again when it has grown by an eighth.
      this.#judgeAt = text.length < OFTEN ? 0 : Math.min(text.length * 1.125, HEAD + 1);
      return;
    }
    this.#reset();
    // What does not open the message may still be a mark like any other.
    const length = typeof verdict === "number" ? verdict : verdict === "maybe" ? HEAD : block.opening ? 0 : 1;
    if (length > 0) this.#write(text.slice(0, length), false);
    this.#scan(text.slice(length), false);
  }

  #verdict(head: string, place: Place | undefined, opening: boolean, context: TextContext): Verdict | number {
    const call = place ? this.#host.judge(this.#target, head, opening, !place.lineStart) : "no";
    return call === "no" && !opening ? this.#host.judgeTail(this.#target, head, context) : call;
  }

  #scan(text: string, whole: boolean): void {
    let from = 0;
    if (!this.#started) {
      from = skipSpace(text, 0);
      if (from >= text.length) return text === "" ? undefined : this.#write(text, whole);
      const opens = this.#target === "content" ? this.#marks.opens(text, from) : false;
      if (opens === "cut") return this.#hold(text, from);
      this.#started = true;
      from = opens ? this.#begin(text, from, true, this.context) : 0;
    }
    if (from === 0 && !this.#marks.mayStand(text)) return text === "" ? undefined : this.#write(text, whole);
    /** The context at the last mark that was looked at: so much of the text it has been fed. */
    let context: TextContext | undefined;
    let fed = 0;
    const before = from === 0 ? this.context.last : "";
    while (from >= 0) {
      const at = this.#marks.next(text, from, before);
      if (at < 0) break;
      const mark = this.#marks.at(text, at);
      if (mark === "cut") return this.#hold(text, at);
      from = at + 1;
      if (!mark) continue;
      context ??= this.context.clone();
      context.feed(text.slice(fed, at));
      fed = at;
      from = this.#begin(text, at, false, context);
    }
    if (from >= 0 && text !== "") this.#write(text, whole);
  }

  #hold(text: string, at: number): void {
    if (at > 0) this.#write(text.slice(0, at), false);
    this.#pending = text.slice(at);
  }

  /** `context`: what stands before `at`. Begins a block at `at` and answers -1, or answers where to read on: its head already says no. */
  #begin(text: string, at: number, opening: boolean, context: TextContext): number {
    const place = context.place();
    const rest = text.slice(at);
    const verdict = this.#verdict(rest.slice(0, HEAD), place, opening, context);
    if (typeof verdict === "number") return at + verdict;
    if (verdict === "no") return opening ? 0 : at + 1;
    if (verdict === "maybe" && rest.length > HEAD) return at + HEAD;
    if (at > 0) this.#write(text.slice(0, at), false);
    this.#block = { place, opening, decided: verdict === "yes" };
    this.#judgeAt = 0;
    this.#judged = rest.length;
    this.#parts = [rest];
    this.#size = rest.length;
    if (this.#size > MAX_HELD) {
      this.#host.overflow(this.#target, rest);
      this.release();
    }
    return -1;
  }
}
