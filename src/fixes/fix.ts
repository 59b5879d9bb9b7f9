/**
 * What a fix is. Four kinds, all named, listed, switched and reported alike:
 *
 *   arguments  a rule of the one incremental JSON transducer that every call's arguments run through
 *   content    a rule of the one scanner that text and reasoning run through
 *   frame      looks at whole messages (ids, index, finish_reason, usage, end marks)
 *   request    mends a request body before it is forwarded
 *
 * Everything here is pure: no clock, no randomness, no I/O, so that replay is the live code.
 */
import type { z } from "zod";
import type { Delta, RequestView } from "../core/delta.ts";
import type { FixNote } from "../core/exchange.ts";
import type { Dialect, Message } from "../dialects/dialect.ts";
import type { Frame } from "../wire/frame.ts";
import type { JsonObject } from "../wire/json.ts";
import type { ArgumentRule } from "./arguments/rule.ts";
import type { ContentRule } from "./content/rule.ts";
import type { Wakes } from "./wakes.ts";
import type { ReplyBook } from "./frame/book.ts";

export type FixKind = "arguments" | "content" | "frame" | "request";
/** `observe` reports what the fix would do and changes not a byte. */
export type FixMode = "off" | "observe" | "fix";
/** What a fix may hold back while it is at work; on clean input it holds nothing. */
export type Holds =
  | "nothing"
  | "a separator and a key"
  | "a short token"
  | "one member"
  | "a marker prefix"
  | "a markup block"
  | "the first tool delta";

interface FixInfo<S extends z.ZodObject> {
  /** One name everywhere: config, metrics, list-fixes, notes. */
  readonly name: string;
  /** One line: what it mends. */
  readonly summary: string;
  /** Mode without configuration. Fixes that need a person's decision are off. */
  readonly defaultMode: FixMode;
  readonly holds: Holds;
  readonly example: { readonly before: string; readonly after: string };
  /** Where the defect was seen: issue, upstream source symbol, or recording. */
  readonly source: string;
  readonly options: S;
}

export interface ArgumentFix<S extends z.ZodObject = z.ZodObject> extends FixInfo<S> {
  readonly kind: "arguments";
  readonly rule: (options: z.output<S>) => ArgumentRule;
}

export interface ContentFix<S extends z.ZodObject = z.ZodObject> extends FixInfo<S> {
  readonly kind: "content";
  readonly rule: (options: z.output<S>) => ContentRule;
}

export interface FrameFix<S extends z.ZodObject = z.ZodObject> extends FixInfo<S> {
  readonly kind: "frame";
  /** Undefined: nothing to do for this request. */
  readonly start: (context: FixContext, options: z.output<S>) => FrameRule | undefined;
}

export interface RequestFix<S extends z.ZodObject = z.ZodObject> extends FixInfo<S> {
  readonly kind: "request";
  /**
   * The bytes to forward instead, or undefined to leave the request alone. Deterministic: the same
   * history comes back every turn, and the backend's prompt cache needs the same bytes for it.
   */
  readonly mend: (request: RequestToMend, options: z.output<S>) => string | undefined;
}

export type Fix = ArgumentFix | ContentFix | FrameFix | RequestFix;

export interface FixContext {
  readonly dialect: Dialect;
  readonly request: RequestView;
  /** What the reply has said so far, as it comes to this rule. */
  readonly book: ReplyBook;
  readonly note: Note;
}

export interface RequestToMend {
  readonly dialect: Dialect;
  /** The body as text; well-formed JSON. */
  readonly text: string;
  /** The same, parsed. Must not be changed. */
  readonly body: unknown;
  readonly note: Note;
}

/** Reports a change or a refusal; `fix` is filled in by the caller. */
export type Note = (note: Omit<FixNote, "fix">) => void;

export type Emit = (delta: Delta) => void;

/** Kinds of delta. */
export type Hears = readonly Delta["kind"][];

/** A delta that says text. */
export type Said = Extract<Delta, { readonly text: string }>;

/**
 * A stage that deltas run through. Emitting the very object it was given means "unchanged";
 * emitting nothing means "held" or "dropped".
 */
export interface Stage {
  onDelta(delta: Delta, emit: Emit): void;
  /**
   * Asked behind a delta that passed unchanged while nothing is held: which characters in a later text of the same
   * kind and place would not pass like it. Undefined, or not there: any may. Such texts are given many as one (repeats.ts).
   */
  wakes?(delta: Said): Wakes | undefined;
  /** The reply is over (also when it was cut): whatever is held must be emitted or given up now. */
  onEnd(emit: Emit): void;
  /** Something in the stage broke: emit what is held, verbatim. After this the stage is not called again. */
  release(emit: Emit): void;
  /** Characters held back right now. */
  readonly held: number;
}

/**
 * What a frame fix may do. Every member is optional. There is one per fix and reply, and most replies
 * need none of it: state is made when it is first needed.
 */
export interface FrameRule {
  /**
   * A frame that is not plainly one message: its data is neither JSON nor `[DONE]`, it has fields but
   * no data, it is not UTF-8, or (`ended`) the body ended before its blank line. Other frames in its
   * place, `[]` to drop it, or undefined to leave it alone.
   */
  onOddFrame?(frame: Frame, ended: boolean): readonly Frame[] | undefined;
  /** A changed payload, or the same object to leave the message alone. Undefined drops the message. */
  onPayload?(payload: unknown, message: Message): unknown;
  /**
   * One entry of a chat chunk's `tool_calls`, behind the `onPayload` of the rules before the first that
   * has this. A changed call, the same object to leave it alone, or undefined to drop it.
   */
  onCall?(call: JsonObject, choice: number, position: number, payload: unknown): JsonObject | undefined;
  /**
   * What is put in for the client alone: the payload of a message or a whole body, after it was read,
   * so that the deltas, and with them every statistic, know nothing of it.
   */
  onSend?(payload: unknown): unknown;
  /** Runs behind the tool and content stages. */
  onDelta?(delta: Delta, emit: Emit): void;
  /** As `Stage.wakes`, the same for every delta that says text. */
  readonly wakes?: Wakes;
  /** The only kinds of delta that `onDelta` wants; without it, all. */
  readonly hears?: Hears;
  /** The reply is over. `cut`: the backend broke off, so nothing may be said that sounds like an end. */
  onEnd?(emit: Emit, cut: boolean): void;
  /** A reply that came whole, before it is read into deltas. Same object: untouched. */
  onDocument?(body: unknown): unknown;
}

/** A fix as configured. */
export interface PlannedFix {
  readonly fix: Fix;
  readonly mode: FixMode;
  /** Parsed by the fix's own schema. */
  readonly options: unknown;
}

/** Everything that is not off, in registry order. */
export type FixPlan = readonly PlannedFix[];

/** Keeps the literal types of a definition; one call per fix file. */
export function defineArgumentFix<S extends z.ZodObject>(fix: Omit<ArgumentFix<S>, "kind">): ArgumentFix {
  return { ...fix, kind: "arguments" } as unknown as ArgumentFix;
}

export function defineContentFix<S extends z.ZodObject>(fix: Omit<ContentFix<S>, "kind">): ContentFix {
  return { ...fix, kind: "content" } as unknown as ContentFix;
}

export function defineFrameFix<S extends z.ZodObject>(fix: Omit<FrameFix<S>, "kind">): FrameFix {
  return { ...fix, kind: "frame" } as unknown as FrameFix;
}

export function defineRequestFix<S extends z.ZodObject>(fix: Omit<RequestFix<S>, "kind">): RequestFix {
  return { ...fix, kind: "request" } as unknown as RequestFix;
}

/** A snippet fit for a note: at most 200 characters, never half a surrogate pair. */
export function snippet(text: string): string {
  if (text.length <= 200) return text.toWellFormed();
  return `${text
    .slice(0, 199)
    .toWellFormed()
    .replace(/\uFFFD$/u, "")}…`;
}
