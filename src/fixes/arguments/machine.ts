/**
 * The argument transducer: JSON text of one call in, cut anywhere; mended JSON text out.
 *
 * It reads strictly and sends what it has read at once. Where strict reading fails, or the schema
 * is contradicted, it asks the rules (rule.ts) and reads on in what they made of it. Where no rule
 * answers, the rest passes as it is: what came before stays sent, nothing is invented.
 */
import { parseOrUndefined } from "../../wire/json.ts";
import type { Note } from "../fix.ts";
import { snippet } from "../fix.ts";
import { HOOKS, MAX_WAIT } from "./rule.ts";
import type { ArgumentRule, CallTool, Container, Ending, HookName, OpenString, Place, State, Verdict } from "./rule.ts";
import { ANY, fits, type Shape } from "./schema.ts";
import { step } from "./steps.ts";
import { isServerCut } from "./trust.ts";

/** A rule at work in one reply. */
export interface ActiveRule {
  readonly name: string;
  readonly rule: ArgumentRule;
  readonly note: Note;
  /** It threw, and is cut out for this reply. */
  broken: boolean;
}

/** The rules of one reply, by the hooks they have. */
export interface RuleSet {
  readonly all: readonly ActiveRule[];
  readonly by: Readonly<Record<HookName, readonly ActiveRule[]>>;
}

export function createRuleSet(all: readonly ActiveRule[]): RuleSet {
  const by = Object.fromEntries(HOOKS.map((hook) => [hook, all.filter((entry) => entry.rule[hook])]));
  return { all, by: by as Record<HookName, ActiveRule[]> };
}

/** What `consult` came to. */
export type Answer = "nobody" | "wait" | "go on";

/* oxlint-disable-next-line no-control-regex -- what a JSON string may not hold raw */
const PLAIN = /["\\<\u0000-\u001f]/;
/** Input is read in windows of this size, so that a rewrite copies no more than that. */
const WINDOW = 4096;
/** Text of a dropped member kept for its note, and to be given back should the reply break off in it. */
const MAX_DROPPED = 64 * 1024;
/** Rewrites at one place without anything read: rules that chase each other. */
const MAX_REWRITES = 200;
/** Deeper nesting than this passes as it is. */
export const MAX_DEPTH = 500;

export interface MachineOptions {
  readonly tool: CallTool;
  readonly rules: RuleSet;
  /** What the whole value must be. */
  readonly shape: Shape;
  /** Where the machine stands in the call's arguments, for notes: choice, tool, toolName. */
  readonly where: { readonly choice?: number; readonly tool?: number; readonly toolName: string };
  /** `value`: reads any value (a nested text of its own); `start`: a call's arguments. */
  readonly from: "start" | "value";
  /** How many machines this one runs inside of. */
  readonly level: number;
  /** What of the call was sent before the last push; undefined when that is too much to keep. */
  readonly sent: () => string | undefined;
}

export class Machine implements Place {
  /** Read from `at` on; what is before `at` is sent. */
  input = "";
  at = 0;
  state: State;
  readonly stack: Container[] = [];
  valueShape: Shape;
  readonly string: OpenString = { before: "", escapes: "unknown", quotes: false };
  key = "";
  closed = false;
  /** The string being read is a key, sent as it comes. */
  inKey = false;
  /** Deltas come cut as llama-server cuts JSON of its own making (trust.ts). */
  trusted: boolean;
  /** Further calls that were found behind this one's arguments. */
  readonly splits: string[] = [];
  refused = false;
  readonly #options: MachineOptions;
  /** Rules that acted in the string being read. */
  readonly #reported = new Set<ActiveRule>();
  #out = "";
  #ending: Ending | undefined;
  #wakeAt = 0;
  #rewrites = 0;
  #heldMax = 0;
  #dropping: { depth: number; text: string; entry: ActiveRule; reason: string } | undefined;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.state = options.from;
    this.valueShape = options.shape;
    this.trusted = options.from === "start";
  }

  get text(): string {
    return this.input.slice(this.at, this.at + MAX_WAIT);
  }
  get ended(): Ending | undefined {
    return this.input.length - this.at < MAX_WAIT ? this.#ending : undefined;
  }
  get container(): Container | undefined {
    return this.stack.at(-1);
  }
  get shape(): Shape {
    return this.state === "member" || this.state === "item" ? (this.container?.shape ?? ANY) : this.valueShape;
  }
  get tool(): CallTool {
    return this.#options.tool;
  }
  get nested(): boolean {
    return this.#options.level > 0;
  }
  get sent(): string | undefined {
    const before = this.#options.sent();
    return before === undefined ? undefined : before + this.#out;
  }
  get held(): number {
    return this.pending + (this.#dropping?.text.length ?? 0);
  }
  /** Characters that are read but not decided. */
  get pending(): number {
    return this.input.length - this.at;
  }
  /** The value is whole and nothing is held. */
  get complete(): boolean {
    return (this.state === "tail" || this.state === "as-is") && this.held === 0;
  }

  /** What is to be sent now that `text` has come. */
  push(text: string): string {
    this.closed = false;
    if (this.trusted && !isServerCut(this, text)) this.trusted = false;
    for (let from = 0; from < text.length; from += WINDOW) {
      this.input = this.input.slice(this.at) + text.slice(from, from + WINDOW);
      this.at = 0;
      this.#run();
    }
    return this.#take();
  }

  /** Whether `text` lies inside a string and needs no reading; if so it counts as read and sent. */
  skim(text: string): boolean {
    if (this.state !== "string" || this.pending > 0 || this.#dropping || PLAIN.test(text)) return false;
    this.string.before = text.length < 4 ? (this.string.before + text).slice(-4) : text.slice(-4);
    return true;
  }

  /** No more input, whatever the reason will be. */
  close(): string {
    this.closed = true;
    this.#wakeAt = 0;
    this.#run();
    return this.#take();
  }

  /** The call is over. */
  end(ending: Ending): string {
    this.closed = true;
    this.#ending = ending;
    this.#wakeAt = 0;
    if (ending.cut) {
      if (this.state !== "tail" && this.state !== "as-is")
        this.refuse(undefined, ending.reason === undefined ? "the reply broke off" : `finish reason ${ending.reason}`);
      this.#giveUp();
      return this.#take();
    }
    this.#run();
    // Closing the open containers is one more rewrite, of no input.
    for (let i = 0; i < 2 && this.state !== "tail" && this.state !== "as-is"; i++) {
      if (this.consult("end") !== "go on") break;
      this.#run();
    }
    if (this.state !== "tail" && this.state !== "as-is") this.refuse(undefined, "the arguments end before they are complete");
    this.#giveUp();
    return this.#take();
  }

  /** Everything held, as it came. From here on nothing is changed. */
  release(): string {
    this.#giveUp();
    return this.#take();
  }

  /** Sends `count` characters of input as they are. */
  pass(count: number): void {
    this.emit(this.input.slice(this.at, this.at + count));
    this.at += count;
    this.#rewrites = 0;
  }

  emit(text: string): void {
    if (!this.#dropping) this.#out += text;
    else if (this.#dropping.text.length < MAX_DROPPED) this.#dropping.text += text;
  }

  /** Asks the rules that have `hook`, in their order. In a string, what a rule puts is sent and not read again. */
  consult(hook: HookName): Answer {
    for (const entry of this.#options.rules.by[hook]) {
      if (entry.broken) continue;
      let verdict: Verdict;
      try {
        verdict = entry.rule[hook]?.(this);
      } catch (cause) {
        entry.broken = true;
        entry.note({
          ...this.#where(),
          action: "skipped",
          target: "tool_call.arguments",
          reason: `cut out for this reply: ${String(cause)}`,
        });
        continue;
      }
      if (verdict === undefined) continue;
      if (verdict !== "wait") {
        this.#apply(verdict, entry, hook);
        return "go on";
      }
      if (this.input.length - this.at >= MAX_WAIT) {
        entry.note({
          ...this.#where(),
          action: "skipped",
          target: "tool_call.arguments",
          reason: `more than ${MAX_WAIT} characters would have to be held`,
        });
        this.#giveUp();
        return "go on";
      }
      if (!this.#ending) return "wait";
    }
    return "nobody";
  }

  mend = (text: string, shape: Shape): string | undefined => {
    if (this.#options.level >= 4) return undefined;
    const rules = this.#options.rules.all.filter((entry) => !entry.broken).map((entry) => ({ ...entry, note: () => {} }));
    const inner = new Machine({
      ...this.#options,
      rules: createRuleSet(rules),
      shape,
      from: "value",
      level: this.#options.level + 1,
      sent: () => undefined,
    });
    const out = inner.push(text) + inner.end({ reason: undefined, cut: false });
    if (inner.refused || inner.splits.length > 0) return undefined;
    const value = parseOrUndefined(out);
    return value !== undefined && fits(value, shape) ? out : undefined;
  };

  /** Nobody mends what stands here: the rest passes as it is. */
  refuse(entry: ActiveRule | undefined, reason: string, rule?: string): void {
    this.refused = true;
    const by =
      entry ?? this.#options.rules.by.end.find((active) => !active.broken) ?? this.#options.rules.all.find((active) => !active.broken);
    by?.note({
      ...this.#where(),
      action: "refused",
      target: "tool_call.arguments",
      ...(rule === undefined ? {} : { rule }),
      reason,
      before: snippet(this.text),
      bytesHeldMax: this.#heldMax,
    });
    this.state = "as-is";
    this.#giveUp();
  }

  openString(): void {
    this.string.before = "";
    this.string.escapes = "unknown";
    this.string.quotes = false;
    this.#reported.clear();
    this.state = "string";
  }

  /** A member of the innermost container is over. */
  memberDone(): void {
    const container = this.container;
    if (!container) {
      this.state = "tail";
      return;
    }
    this.state = "after";
    if (this.#dropping?.depth === this.stack.length) {
      const { entry, text, reason } = this.#dropping;
      this.#dropping = undefined;
      this.#report(entry, reason, text, "");
    } else container.count += 1;
  }

  #apply(verdict: Exclude<Verdict, undefined | "wait">, entry: ActiveRule, hook: HookName): void {
    if ("refuse" in verdict) return this.refuse(entry, verdict.refuse, verdict.rule);
    if ("drop" in verdict) {
      // A member inside a dropped one goes with it.
      this.#dropping ??= { depth: this.stack.length, text: "", entry, reason: verdict.drop };
      return;
    }
    const taken = this.input.slice(this.at, this.at + verdict.take);
    if ("split" in verdict) {
      this.splits.push(verdict.split);
      this.at += verdict.take;
      return this.#report(entry, verdict.rule, taken, "");
    }
    if (hook === "control" || hook === "escape" || hook === "quote") {
      // One note per string and rule: a file's every line break is not news.
      if (!this.#reported.has(entry)) this.#report(entry, verdict.rule, taken, verdict.after ?? verdict.put);
      this.#reported.add(entry);
      if (hook === "quote") this.string.quotes = true;
      this.emit(verdict.put);
      this.at += verdict.take;
      return;
    }
    this.#report(entry, verdict.rule, taken, verdict.after ?? verdict.put);
    this.input = verdict.put + this.input.slice(this.at + verdict.take);
    this.at = 0;
    this.#rewrites += 1;
    if (this.#rewrites > MAX_REWRITES) this.refuse(entry, "rules do not come to an end here");
  }

  #report(entry: ActiveRule, rule: string | undefined, before: string, after: string): void {
    // Nobody sees what becomes of a member that is left out.
    if (this.#dropping) return;
    entry.note({
      ...this.#where(),
      action: "fixed",
      target: "tool_call.arguments",
      ...(rule === undefined ? {} : { rule }),
      before: snippet(before),
      after: snippet(after),
      bytesHeldMax: this.#heldMax,
    });
  }

  #where() {
    const pointer = this.stack
      .map((open) => `/${open.kind === "array" ? open.count : open.key.replaceAll("~", "~0").replaceAll("/", "~1")}`)
      .join("");
    return { ...this.#options.where, pointer: pointer.slice(0, 1000) };
  }

  #run(): void {
    // A long wait is looked at again only when it has grown by a quarter: reading it costs its length.
    if (this.input.length - this.at < this.#wakeAt) return;
    this.#wakeAt = 0;
    while (step(this));
    const waiting = this.input.length - this.at;
    if (waiting > this.#heldMax) this.#heldMax = waiting;
    if (waiting > 512 && !this.closed) this.#wakeAt = Math.min(waiting * 1.25, MAX_WAIT);
  }

  #giveUp(): void {
    if (this.#dropping) {
      const { text } = this.#dropping;
      this.#dropping = undefined;
      this.emit(text);
    }
    if (this.state !== "tail") this.state = "as-is";
    this.pass(this.input.length - this.at);
  }

  #take(): string {
    const out = this.#out;
    this.#out = "";
    return out;
  }
}
