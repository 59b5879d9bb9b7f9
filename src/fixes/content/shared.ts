import type { RequestView } from "../../core/delta.ts";
import { isObject } from "../../wire/json.ts";
import type { Note } from "../fix.ts";
import type { NoteBy } from "../notes.ts";
import { createOffer, type Offer } from "./offer.ts";
import type { NamedCallRule } from "./resolve.ts";
import { PROSE, type Reading, type RepeatRule, type ThinkRule, type Verdict } from "./rule.ts";
import type { ContentRules, ContentTables, NamedRule } from "./tables.ts";
import { skipClosers } from "./tags.ts";

/** So much of a block is read again and again while it grows. */
const EARLY = 2000;
/** Begins another block, perhaps. */
const MAY_GO_ON = /[<[{`]/u;

/** What all choices of one reply share. */
export class ContentShared {
  readonly request: RequestView;
  readonly rules: ContentRules;
  /** The reply's own id, once it is known. */
  id = "";
  readonly #tables: ContentTables;
  readonly #noteBy: NoteBy;
  /** Rules that may make calls; one that throws is taken out. */
  #calls: readonly NamedCallRule[];
  #offer: Offer | undefined;

  constructor(tables: ContentTables, request: RequestView, noteBy: NoteBy) {
    this.#tables = tables;
    this.request = request;
    this.#noteBy = noteBy;
    this.rules = tables.rulesFor(request);
    this.#calls = this.rules.calls;
  }

  get offer(): Offer {
    return (this.#offer ??= createOffer(this.request));
  }
  get calls(): readonly NamedCallRule[] {
    return this.#calls;
  }
  get think(): NamedRule<ThinkRule> | undefined {
    const { body } = this.request;
    return isObject(body) && body["reasoning_format"] === "none" ? undefined : this.rules.think;
  }
  get repeat(): NamedRule<RepeatRule> | undefined {
    return this.request.parallelToolCalls === false ? this.rules.repeat : undefined;
  }

  note(fix: string, note: Parameters<Note>[0]): void {
    this.#noteBy(fix, this.#tables.modes.get(fix) ?? "fix")(note);
  }

  /** `opening`: the head of a whole message. `last`: nothing may follow the block. */
  judge(head: string, opening: boolean, last: boolean): Verdict | number {
    let verdict: Verdict = "no";
    const sure: NamedCallRule[] = [];
    for (const named of this.#calls) {
      const own = opening ? named.rule.openings : named.rule.markers;
      if (own.some((mark) => head.startsWith(mark))) {
        const one = this.#head(named, head);
        if (one === "yes") sure.push(named);
        if (one === "maybe") verdict = "maybe";
      } else if (own.some((mark) => mark.startsWith(head))) verdict = "maybe";
    }
    if (sure.length === 0) return verdict;
    const alone = (opening || last) && verdict === "no" && sure.every(({ rule }) => rule.stable);
    return alone ? this.#judgeEnd(head, sure) : "yes";
  }

  read(named: NamedCallRule, text: string, at: number): Reading {
    return this.#guarded(named, () => named.rule.read(text, at, this.offer), PROSE);
  }

  /** Name of the fix whose block this text begins. */
  ruleOf(text: string): string {
    const marked = this.#calls.filter(({ rule }) => [...rule.markers, ...rule.openings].some((mark) => text.startsWith(mark)));
    const sure = marked.find((named) => this.#head(named, text.slice(0, EARLY)) !== "no");
    return (sure ?? marked[0])?.name ?? "content";
  }

  /** Where nothing may follow a block: looks whether something does. */
  #judgeEnd(head: string, sure: readonly NamedCallRule[]): Verdict | number {
    const text = head.slice(0, EARLY);
    for (const named of sure) {
      const reading = this.read(named, text, 0);
      if (reading.kind !== "block" || reading.end === 0) continue;
      const at = skipClosers(text, reading.end);
      if (at < text.length && !MAY_GO_ON.test(text.charAt(at)) && this.rules.marks.at(text, at) === false) return at;
    }
    return head.length < EARLY ? "maybe" : "yes";
  }

  #head(named: NamedCallRule, text: string): Verdict {
    return this.#guarded<Verdict>(named, () => named.rule.head(text, this.offer), "no");
  }

  #guarded<T>(named: NamedCallRule, work: () => T, otherwise: T): T {
    try {
      return work();
    } catch (cause) {
      this.#calls = this.#calls.filter((other) => other !== named);
      this.note(named.name, { action: "skipped", target: "content", reason: `cut out for this reply: ${String(cause)}` });
      return otherwise;
    }
  }
}
