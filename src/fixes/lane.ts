import type { Delta, RequestView } from "../core/delta.ts";
import type { Dialect, Message } from "../dialects/dialect.ts";
import type { Frame } from "../wire/frame.ts";
import { ArgumentStage } from "./arguments/stage.ts";
import { startContentStage } from "./content/stage.ts";
import type { Emit, FixMode, FixPlan, FrameRule, Said, Stage } from "./fix.ts";
import { ReplyBook } from "./frame/book.ts";
import type { NoteBy } from "./notes.ts";
import { PayloadRules } from "./payloads.ts";
import { type PlanTables, tablesOf } from "./plan.ts";
import { ALL, BIT, heardBy, messageOf, noteCut, release, RuleContext, silence, type Slot } from "./slot.ts";
import { either, NEVER, type Wakes } from "./wakes.ts";

export { createNotes } from "./notes.ts";

/**
 * The stages of one reply in their order: payload rules, content, arguments, delta rules.
 *
 * A stage that throws is cut out for the rest of the reply: what it held goes out verbatim, a note
 * says so, and the others go on. A clean frame costs no allocation here.
 */
export interface Lane {
  /** What an odd frame should have been, or undefined when no rule knows. */
  oddFrame(frame: Frame, ended: boolean): readonly Frame[] | undefined;
  /** The message with changed payload, the same message, or undefined when a rule drops it. */
  payload(message: Message): Message | undefined;
  document(body: unknown): unknown;
  /** A payload or whole body, already read, with what is put in for the client alone. */
  dress(payload: unknown): unknown;
  /** `deltas` itself when no stage changed anything. */
  run(deltas: readonly Delta[]): readonly Delta[];
  /** Asked behind a delta that passed unchanged: which characters would keep another text of its kind and place from passing. Undefined: any may. */
  wakes(delta: Said): Wakes | undefined;
  end(cut: boolean): readonly Delta[];
  /** Give up: everything held, verbatim. The lane changes nothing from here on. */
  release(): readonly Delta[];
  /** Characters held back now. */
  readonly held: number;
  /** No rule and no stage: deltas and payloads come back as they are. */
  readonly idle: boolean;
}

/** `plan`: the fixes this lane acts on; the caller leaves out what only observes, or lets it act where nothing goes out. */
export function createLane(plan: FixPlan, dialect: Dialect, request: RequestView, noteBy: NoteBy): Lane {
  return new ReplyLane(plan, dialect, request, noteBy);
}

const NOTHING: readonly Delta[] = [];

class ReplyLane implements Lane {
  readonly #slots: Slot[] = [];
  readonly #payloads: PayloadRules;
  /** Stages that may hold something; they come first. */
  #holders = 0;
  readonly dialect: Dialect;
  readonly request: RequestView;
  readonly noteBy: NoteBy;
  readonly #tables: PlanTables;
  #book: ReplyBook | undefined;
  /** The first slot whose rule reads the book. */
  #bookAt = -1;
  /** What the stages are given, and how much of it has come out unchanged. */
  #given = NOTHING;
  #same = 0;
  /** What has come out, once that is something else. */
  #out: Delta[] | undefined;

  constructor(plan: FixPlan, dialect: Dialect, request: RequestView, noteBy: NoteBy) {
    this.dialect = dialect;
    this.request = request;
    this.noteBy = noteBy;
    this.#payloads = new PayloadRules(this.#slots, noteBy);
    const tables = (this.#tables = tablesOf(plan));
    if (dialect.tools) {
      if (tables.hasContent) {
        const stage = this.#guardedStart("content", "fix", () => startContentStage(tables.content, request, noteBy));
        if (stage) this.#addStage("content", stage, ALL);
      }
      if (tables.hasArguments) this.#addStage("arguments", undefined, BIT["tool-open"]);
    }
    this.#holders = this.#slots.length;
    for (const planned of tables.frame) {
      const { fix, mode, options } = planned;
      const rule = this.#guardedStart(fix.name, mode, () => fix.start(new RuleContext(this, planned), options as never));
      if (rule) this.#addRule(fix.name, mode, rule);
    }
  }

  get idle(): boolean {
    return this.#slots.length === 0;
  }
  get held(): number {
    let held = 0;
    for (let i = 0; i < this.#holders; i++) held += this.#slots[i]?.stage?.held ?? 0;
    return held;
  }

  /** The book, kept from the place of the first rule that asks for it. */
  useBook(): ReplyBook {
    if (!this.#book) {
      this.#book = new ReplyBook();
      this.#bookAt = this.#slots.length;
    }
    return this.#book;
  }

  oddFrame(frame: Frame, ended: boolean): readonly Frame[] | undefined {
    return this.#payloads.oddFrame(frame, ended);
  }
  payload(message: Message): Message | undefined {
    return this.#payloads.map(message);
  }
  document(body: unknown): unknown {
    if (this.#book) this.#book.whole = true;
    return this.#payloads.document(body);
  }
  dress(payload: unknown): unknown {
    return this.#payloads.dress(payload);
  }

  run(deltas: readonly Delta[]): readonly Delta[] {
    if (this.#slots.length === 0) return deltas;
    this.#given = deltas;
    this.#same = 0;
    for (let i = 0; i < deltas.length; i++) this.#through(0, deltas[i] as Delta);
    return this.#taken();
  }

  wakes(delta: Said): Wakes | undefined {
    if (this.held > 0) return undefined;
    const bit = BIT[delta.kind];
    let wakes: Wakes | undefined = NEVER;
    for (let i = 0; wakes && i < this.#slots.length; i++) {
      const { hears, stage, hearer } = this.#slots[i] as Slot;
      if ((hears & bit) === 0) continue;
      const own = stage ? stage.wakes?.(delta) : hearer?.wakes;
      wakes = own && either(wakes, own);
    }
    return wakes;
  }

  end(cut: boolean): readonly Delta[] {
    this.#endAll((slot, next) => {
      slot.stage?.onEnd(next);
      slot.hearer?.onEnd?.(next, cut);
    });
    return this.#taken();
  }

  release(): readonly Delta[] {
    this.#endAll((slot, next) => release(slot, next));
    for (const slot of this.#slots) silence(slot);
    return this.#taken();
  }

  #addStage(name: string, stage: Stage | undefined, hears: number): void {
    this.#slots.push({ name, mode: "fix", stage, hearer: undefined, rule: undefined, hears, next: undefined });
  }

  #addRule(name: string, mode: FixMode, rule: FrameRule): void {
    const slot: Slot = { name, mode, stage: undefined, hearer: rule, rule, hears: heardBy(rule), next: undefined };
    this.#slots.push(slot);
    this.#payloads.add(slot, rule);
  }

  #through(from: number, delta: Delta): void {
    const bit = BIT[delta.kind];
    const slots = this.#slots;
    for (let i = from; i < slots.length; i++) {
      if (i === this.#bookAt) this.#book?.track(delta);
      const slot = slots[i] as Slot;
      if ((slot.hears & bit) === 0) continue;
      const next = slot.next ?? this.#onward(slot, i);
      try {
        if (slot.hearer) slot.hearer.onDelta?.(delta, next);
        else this.#stageOf(slot).onDelta(delta, next);
      } catch (cause) {
        this.#cutOut(slot, next, cause);
        next(delta);
      }
      return;
    }
    this.#put(delta);
  }

  /** The stage for arguments is made with the first call: most replies hold none. */
  #stageOf(slot: Slot): Stage {
    slot.hears = ALL;
    return (slot.stage ??= new ArgumentStage(this.#tables.args, this.request, this.noteBy));
  }

  #onward(slot: Slot, at: number): Emit {
    return (slot.next = (delta) => this.#through(at + 1, delta));
  }

  /** Behind the last slot. */
  #put(delta: Delta): void {
    if (this.#out) this.#out.push(delta);
    else if (this.#given[this.#same] === delta) this.#same += 1;
    else this.#out = [...this.#given.slice(0, this.#same), delta];
  }

  #taken(): readonly Delta[] {
    const { length } = this.#given;
    const taken = this.#out ?? (this.#same === length ? this.#given : this.#given.slice(0, this.#same));
    this.#out = undefined;
    this.#given = NOTHING;
    this.#same = 0;
    return taken;
  }

  #endAll(end: (slot: Slot, next: Emit) => void): void {
    this.#slots.forEach((slot, i) => {
      const next = slot.next ?? this.#onward(slot, i);
      try {
        end(slot, next);
      } catch (cause) {
        this.#cutOut(slot, next, cause);
      }
    });
  }

  #cutOut(slot: Slot, emit: Emit, cause: unknown): void {
    const broken = { ...slot };
    silence(slot);
    noteCut(slot, cause, this.noteBy);
    try {
      release(broken, emit);
    } catch {
      // Nothing more can be had from it; what it held is lost to the mended reply, and the recording has it.
    }
  }

  /** A fix that cannot even start is left out, with a note. */
  #guardedStart<T>(name: string, mode: FixMode, start: () => T | undefined): T | undefined {
    try {
      return start();
    } catch (cause) {
      this.noteBy(name, mode)({ action: "skipped", target: "frame", reason: `${name} could not start: ${messageOf(cause)}` });
      return undefined;
    }
  }
}
