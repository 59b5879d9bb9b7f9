import type { Delta, RequestView } from "../core/delta.ts";
import type { Dialect } from "../dialects/dialect.ts";
import type { Emit, FixContext, FixMode, FrameRule, Note, Stage } from "./fix.ts";
import type { ReplyBook } from "./frame/book.ts";
import type { NoteBy } from "./notes.ts";
import type { PlannedFrameFix } from "./plan.ts";

/** One bit per kind of delta: what a slot hears is asked for at every hop. */
export const BIT: Readonly<Record<Delta["kind"], number>> = {
  text: 1,
  reasoning: 2,
  "tool-open": 4,
  "tool-args": 8,
  "tool-close": 16,
  finish: 32,
  usage: 64,
  timings: 128,
  meta: 256,
  error: 512,
  done: 1024,
};
/** The bits of every kind. */
export const ALL = 2047;

/** A stage or frame rule at work, until it is cut out. */
export interface Slot {
  readonly name: string;
  readonly mode: FixMode;
  stage: Stage | undefined;
  /** The rule as what sees deltas. */
  hearer: FrameRule | undefined;
  /** The rule as what sees payloads. */
  rule: FrameRule | undefined;
  /** Bits of the kinds of delta it wants. */
  hears: number;
  /** What it hands its deltas to: the slots behind it. Made with the first. */
  next: Emit | undefined;
}

/** The kinds of delta a frame rule wants. */
export function heardBy(rule: FrameRule): number {
  if (!rule.onDelta) return 0;
  return rule.hears?.reduce((bits, kind) => bits | BIT[kind], 0) ?? ALL;
}

/** A rule that is given up ends as in a cut stream: what it holds goes out, nothing is added. */
export function release({ stage, hearer }: Slot, emit: Emit): void {
  stage?.release(emit);
  hearer?.onEnd?.(emit, true);
}

/** What the rules of one reply share. */
interface Reply {
  readonly dialect: Dialect;
  readonly request: RequestView;
  readonly noteBy: NoteBy;
  useBook(): ReplyBook;
}

export class RuleContext implements FixContext {
  readonly #reply: Reply;
  readonly #planned: PlannedFrameFix;

  constructor(reply: Reply, planned: PlannedFrameFix) {
    this.#reply = reply;
    this.#planned = planned;
  }

  get dialect(): Dialect {
    return this.#reply.dialect;
  }
  get request(): RequestView {
    return this.#reply.request;
  }
  get book(): ReplyBook {
    return this.#reply.useBook();
  }
  get note(): Note {
    return this.#reply.noteBy(this.#planned.fix.name, this.#planned.mode);
  }
}

/** What is not to be heard any more: deltas go past it. */
export function silence(slot: Slot): void {
  slot.stage = slot.hearer = undefined;
  slot.hears = 0;
}

export function noteCut({ name, mode }: Slot, cause: unknown, noteBy: NoteBy): void {
  noteBy(name, mode)({ action: "skipped", target: "frame", reason: `cut out for this reply: ${messageOf(cause)}` });
}

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
