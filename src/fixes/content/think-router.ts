import { skipSpace } from "./literal.ts";
import type { ThinkRule } from "./rule.ts";

/** Where the router sends text. `original`: it is a whole delta, unchanged. */
export interface ThinkHost {
  text(text: string, original: boolean): void;
  reasoning(text: string, original: boolean): void;
  /** A think block was moved; `how`: the case. */
  moved(how: "block" | "closing tag" | "prefilled", sample: string): void;
}

type Tag = ThinkRule["tags"][number];

/**
 * Stands before the scanner and looks at the beginning of a message only: a think block that opens
 * there is reasoning up to its closing tag. Later tags are text.
 */
export class ThinkRouter {
  readonly #rule: ThinkRule;
  readonly #host: ThinkHost;
  readonly #whole: boolean;
  #state: "begin" | "inside" | "behind" | "done" = "begin";
  #tag: Tag | undefined;
  #pending = "";
  #fresh = false;
  #parsed = false;

  /** `whole`: the reply comes in one piece, so that a closing tag without its opening one can be seen in time. */
  constructor(rule: ThinkRule, host: ThinkHost, whole: boolean, prefilled: boolean) {
    this.#rule = rule;
    this.#host = host;
    this.#whole = whole;
    if (prefilled && !whole) this.#enter(rule.tags[0]);
  }

  get held(): number {
    return this.#pending.length;
  }

  /** The beginning of the message is over: nothing is looked at any more. */
  get sleeps(): boolean {
    return this.#state === "done";
  }

  /** The server parsed reasoning itself: a block in the content is a copy it left there on purpose. */
  parsed(): void {
    this.#parsed = true;
  }

  push(text: string): void {
    if (this.#state === "done") return this.#host.text(text, true);
    const all = this.#pending + text;
    const whole = this.#pending === "";
    this.#pending = "";
    if (this.#state === "begin") this.#begin(all, whole);
    else if (this.#state === "inside") this.#inside(all);
    else this.#behind(all);
  }

  end(): void {
    const pending = this.#pending;
    this.#pending = "";
    if (pending === "") return;
    if (this.#state === "inside") this.#host.reasoning(pending, false);
    else this.#host.text(pending, false);
  }

  #enter(tag: Tag | undefined): void {
    this.#tag = tag;
    this.#state = "inside";
    this.#fresh = true;
  }

  #begin(text: string, whole: boolean): void {
    const at = skipSpace(text, 0);
    if (at >= text.length) return this.#host.text(text, whole);
    const start = lower(text.slice(at, at + 24));
    let cut = false;
    for (const tag of this.#rule.tags) {
      if (!this.#parsed && start.startsWith(tag.open)) {
        if (at > 0) this.#host.text(text.slice(0, at), false);
        this.#host.moved("block", text.slice(at));
        this.#enter(tag);
        return this.#inside(text.slice(at + tag.open.length));
      }
      if (start.startsWith(tag.close)) {
        if (at > 0) this.#host.text(text.slice(0, at), false);
        this.#host.moved("closing tag", text.slice(at));
        this.#state = "behind";
        return this.#behind(text.slice(at + tag.close.length));
      }
      cut ||= (!this.#parsed && tag.open.startsWith(start)) || tag.close.startsWith(start);
    }
    if (cut) {
      if (at > 0) this.#host.text(text.slice(0, at), false);
      this.#pending = text.slice(at);
      return;
    }
    this.#state = "done";
    const orphan = this.#whole && !this.#parsed ? orphanAt(text, this.#rule.tags) : undefined;
    if (!orphan) return this.#host.text(text, whole);
    this.#host.moved("closing tag", text.slice(0, orphan.end));
    this.#host.reasoning(text.slice(0, orphan.start), false);
    this.#state = "behind";
    this.#behind(text.slice(orphan.end));
  }

  #inside(text: string): void {
    let from = 0;
    if (this.#fresh) {
      from = skipSpace(text, 0);
      if (from >= text.length) return;
      this.#fresh = false;
    }
    const close = this.#tag?.close ?? "";
    for (let at = text.indexOf(close.charAt(0), from); at >= 0; at = text.indexOf(close.charAt(0), at + 1)) {
      const start = lower(text.slice(at, at + close.length));
      if (start === close) {
        if (at > from) this.#host.reasoning(text.slice(from, at), false);
        this.#state = "behind";
        return this.#behind(text.slice(at + close.length));
      }
      if (at + close.length > text.length && close.startsWith(start)) {
        if (at > from) this.#host.reasoning(text.slice(from, at), false);
        this.#pending = text.slice(at);
        return;
      }
    }
    this.#host.reasoning(text.slice(from), false);
  }

  /** The blank lines behind a think block belong to it. */
  #behind(text: string): void {
    const at = skipSpace(text, 0);
    if (at >= text.length) return;
    this.#state = "done";
    this.#host.text(text.slice(at), false);
  }
}

/** ASCII only: the length must not change. */
function lower(text: string): string {
  return text.replaceAll(/[A-Z]/gu, (letter) => letter.toLowerCase());
}

const SPEAKS_BEFORE = /[\s`"'“‘«(]$/u;
const SPEAKS_BEHIND = /^[ \t`"'”’»).,;:]/u;

/**
 * A closing tag whose opening one the template had put into the prompt. One that a sentence speaks
 * of is left: it stands between words, in quotes or in code.
 */
function orphanAt(text: string, tags: readonly Tag[]): { start: number; end: number } | undefined {
  const found = lower(text);
  for (const { open, close } of tags) {
    const start = found.indexOf(close);
    if (start < 0 || found.lastIndexOf(open, start) >= 0) continue;
    const end = start + close.length;
    const before = text.slice(0, start);
    if ((before.match(/`/gu)?.length ?? 0) % 2 === 1) continue;
    const line = before.slice(before.lastIndexOf("\n") + 1).trim();
    const own = line === "" || /^\s*(?:\n|$)/u.test(text.slice(end, end + 64));
    if (own || !(SPEAKS_BEFORE.test(before) || SPEAKS_BEHIND.test(text.slice(end, end + 1)))) return { start, end };
  }
  return undefined;
}
