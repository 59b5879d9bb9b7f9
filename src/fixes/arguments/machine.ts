/**
 * The argument transducer: JSON text of one call in, cut anywhere; mended JSON text out.
 *
 * It reads strictly and sends what it has read at once. Where strict reading fails, or the schema
 * is contradicted, it asks the rules (rule.ts) and reads on in what they made of it. Where no rule
 * answers, the rest passes as it is: what came before stays sent, nothing is invented.
 */
import { parseOrUndefined } from "../../wire/json.ts";
import { Reporter } from "./report.ts";
import { MAX_WAIT } from "./rule.ts";
import type { Answer, CallTool, Container, Ending, HookName, OpenString, Place, State, Verdict } from "./rule.ts";
import type { ActiveRule, MachineOptions, RuleSet } from "./ruleset.ts";
import { ANY, fits, type Shape } from "./schema.ts";
import { step } from "./steps.ts";
import { isServerCut } from "./trust.ts";

/** Input is read in windows of this size, so that a rewrite copies no more than that. */
const WINDOW = 4096;
/** Text of a dropped member kept for its note, and to be given back should the reply break off in it. */
const MAX_DROPPED = 64 * 1024;
/** Rewrites at one place without anything read: rules that chase each other. */
const MAX_REWRITES = 200;

export class Machine implements Place {
  /** Read from `at` on; what is before `at` is sent. */
  input = "";
  at = 0;
  state: State;
  readonly stack: Container[] = [];
  valueShape: Shape;
  readonly string: OpenString = { before: "", escapes: "unknown", triple: false, quotes: false };
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
  readonly #rules: RuleSet;
  readonly #reporter: Reporter;
  /** Rules that acted in the string being read. */
  #reported: Set<ActiveRule> | undefined;
  #out = "";
  #ending: Ending | undefined;
  #wakeAt = 0;
  #rewrites = 0;
  #dropping: { depth: number; text: string; entry: ActiveRule; reason: string } | undefined;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.#rules = options.rules;
    this.#reporter = new Reporter(options.where, this.stack, options.rules);
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
    const before = this.#options.call?.sent;
    return before === undefined ? undefined : before + this.#out;
  }
  get held(): number {
    return this.pending + (this.#dropping?.text.length ?? 0);
  }
  /** Characters that are read but not decided. */
  get pending(): number {
    return this.input.length - this.at;
  }
  /** Inside a string, and nothing is held. */
  get inBody(): boolean {
    return this.state === "string" && this.pending === 0 && !this.#dropping;
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

  /** `text` lies inside a string and was sent unread. */
  skipped(text: string): void {
    this.string.before = text.length < 4 ? (this.string.before + text).slice(-4) : text.slice(-4);
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
    for (const entry of this.#rules.tables.by[hook]) {
      if (!this.#rules.works(entry)) continue;
      let verdict: Verdict;
      try {
        verdict = entry.rule[hook]?.(this);
      } catch (cause) {
        this.#rules.cutOut(entry);
        this.#reporter.skipped(entry, `cut out for this reply: ${String(cause)}`);
        continue;
      }
      if (verdict === undefined) continue;
      if (verdict !== "wait") {
        this.#apply(verdict, entry, hook);
        return "go on";
      }
      if (this.input.length - this.at >= MAX_WAIT) {
        this.#reporter.skipped(entry, `more than ${MAX_WAIT} characters would have to be held`);
        this.#giveUp();
        return "go on";
      }
      if (!this.#ending) return "wait";
    }
    return "nobody";
  }

  mend(text: string, shape: Shape): string | undefined {
    if (this.#options.level >= 4) return undefined;
    const inner = new Machine({
      ...this.#options,
      rules: this.#rules.reportingTo(() => () => {}),
      shape,
      from: "value",
      level: this.#options.level + 1,
      call: undefined,
    });
    const out = inner.push(text) + inner.end({ reason: undefined, cut: false });
    if (inner.refused || inner.splits.length > 0) return undefined;
    const value = parseOrUndefined(out);
    return value !== undefined && fits(value, shape) ? out : undefined;
  }

  /** Nobody mends what stands here: the rest passes as it is. */
  refuse(entry: ActiveRule | undefined, reason: string, rule?: string): void {
    this.refused = true;
    const { by, all } = this.#rules.tables;
    const speaker = entry ?? [...by.end, ...all].find((active) => this.#rules.works(active));
    if (speaker) this.#reporter.refused(speaker, reason, rule, this.text);
    this.state = "as-is";
    this.#giveUp();
  }

  openString(): void {
    Object.assign(this.string, { before: "", escapes: "unknown", triple: false, quotes: false } satisfies OpenString);
    this.#reported = undefined;
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
      this.#fixed(entry, reason, text, "");
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
      return this.#fixed(entry, verdict.rule, taken, "");
    }
    if (hook === "control" || hook === "escape" || hook === "quote") {
      // One note per string and rule: a file's every line break is not news.
      if (!this.#reported?.has(entry)) this.#fixed(entry, verdict.rule, taken, verdict.after ?? verdict.put);
      (this.#reported ??= new Set()).add(entry);
      if (hook === "quote") this.string.quotes = true;
      this.string.before = (this.string.before + verdict.put).slice(-4);
      this.emit(verdict.put);
      this.at += verdict.take;
      return;
    }
    this.#fixed(entry, verdict.rule, taken, verdict.after ?? verdict.put);
    this.input = verdict.put + this.input.slice(this.at + verdict.take);
    this.at = 0;
    this.#rewrites += 1;
    if (this.#rewrites > MAX_REWRITES) this.refuse(entry, "rules do not come to an end here");
  }

  #fixed(entry: ActiveRule, rule: string | undefined, before: string, after: string): void {
    // Nobody sees what becomes of a member that is left out.
    if (!this.#dropping) this.#reporter.fixed(entry, rule, before, after);
  }

  #run(): void {
    // A long wait is looked at again only when it has grown by a quarter: reading it costs its length.
    if (this.pending < this.#wakeAt) return;
    this.#wakeAt = 0;
    while (step(this));
    const waiting = this.pending;
    this.#reporter.held(waiting);
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
