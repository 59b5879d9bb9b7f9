import type { Delta, RequestView } from "../core/delta.ts";
import type { FixNote } from "../core/exchange.ts";
import type { Dialect, Message } from "../dialects/dialect.ts";
import { createArgumentStage } from "./arguments/stage.ts";
import { createContentStage } from "./content/stage.ts";
import type { Frame } from "../wire/frame.ts";
import type { Emit, FixPlan, FrameRule, Note, PlannedFix, Stage } from "./fix.ts";

/** More notes than this say nothing new about one reply. */
const MAX_NOTES = 1000;

/** The notes of one reply, bounded. */
export function createNotes(): { readonly list: FixNote[]; readonly by: (fix: string, mode: PlannedFix["mode"]) => Note } {
  const list: FixNote[] = [];
  return {
    list,
    by: (fix, mode) => (note) => {
      if (list.length >= MAX_NOTES) return;
      if (mode === "observe" && note.action === "fixed") {
        list.push({ ...note, fix, action: "skipped", reason: "mode is observe" });
      } else {
        list.push({ ...note, fix });
      }
    },
  };
}

/**
 * The stages of one reply in their order: payload rules, content, arguments, delta rules.
 *
 * A stage that throws is cut out for the rest of the reply: what it held goes out verbatim, a note
 * says so, and the others go on.
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
  end(cut: boolean): readonly Delta[];
  /** Give up: everything held, verbatim. The lane changes nothing from here on. */
  release(): readonly Delta[];
  /** Characters held back now. */
  readonly held: number;
  /** No rule and no stage: deltas and payloads come back as they are. */
  readonly idle: boolean;
}

interface Slot {
  readonly name: string;
  stage: LaneStage | undefined;
}

/** A stage, or the part of a frame rule that runs as one. */
interface LaneStage extends Omit<Stage, "onDelta" | "onEnd"> {
  readonly onDelta: ((delta: Delta, emit: Emit) => void) | undefined;
  onEnd(emit: Emit, cut: boolean): void;
}

type NoteBy = (fix: string, mode: PlannedFix["mode"]) => Note;

/** `plan`: the fixes this lane acts on; the caller leaves out what only observes, or lets it act where nothing goes out. */
export function createLane(plan: FixPlan, dialect: Dialect, request: RequestView, noteBy: NoteBy): Lane {
  const rules: { name: string; rule: FrameRule | undefined; note: Note }[] = [];
  const slots: Slot[] = [];
  /** What the last slot lets out. */
  let out: Delta[] = [];

  const of = (kind: PlannedFix["fix"]["kind"]) => plan.filter((entry) => entry.fix.kind === kind);

  if (dialect.tools) {
    const content = of("content");
    const contentStage =
      content.length === 0
        ? undefined
        : guardedStart("content", noteBy("content", "fix"), () => createContentStage(content, request, noteBy));
    if (contentStage) slots.push({ name: "content", stage: contentStage });
    const args = of("arguments");
    if (args.length > 0) {
      const start = () => guardedStart("arguments", noteBy("arguments", "fix"), () => createArgumentStage(args, request, noteBy));
      slots.push({ name: "arguments", stage: lateStage(start) });
    }
  }
  // Frame rules hold nothing; this is asked for on every frame.
  const holders = slots.slice();
  for (const { fix, mode, options } of plan) {
    if (fix.kind !== "frame") continue;
    const note = noteBy(fix.name, mode);
    const rule = guardedStart(fix.name, note, () => fix.start({ dialect, request, note }, options as never));
    if (!rule) continue;
    rules.push({ name: fix.name, rule, note });
    const { onDelta, onEnd } = rule;
    if (onDelta || onEnd) {
      slots.push({
        name: fix.name,
        stage: {
          onDelta,
          onEnd: onEnd ?? (() => {}),
          // A rule that is given up ends as in a cut stream: what it holds goes out, nothing is added.
          release: (emit) => onEnd?.(emit, true),
          held: 0,
        },
      });
    }
  }

  function cutOut(slot: Slot, emit: Emit, cause: unknown): void {
    const stage = slot.stage;
    slot.stage = undefined;
    noteBy(slot.name, "fix")({ action: "skipped", target: "frame", reason: `cut out for this reply: ${messageOf(cause)}` });
    try {
      stage?.release(emit);
    } catch {
      // Nothing more can be had from it; what it held is lost to the mended reply, and the recording has it.
    }
  }

  // Most rules have one of the two at most, and both are asked for on every frame.
  const payloadRules = rules.filter(({ rule }) => rule?.onPayload);
  const sendRules = rules.filter(({ rule }) => rule?.onSend);

  /** What each slot hands its deltas to: the slots behind it. */
  const onward: readonly Emit[] = slots.map((_slot, i) => (delta) => through(i + 1, delta));

  /** Runs one rule; if it throws, it is left out for the rest of the reply. */
  function guarded(entry: (typeof rules)[number], work: (rule: FrameRule) => void): void {
    if (!entry.rule) return;
    try {
      work(entry.rule);
    } catch (cause) {
      leaveOut(entry, cause);
    }
  }

  function leaveOut(entry: (typeof rules)[number], cause: unknown): void {
    entry.rule = undefined;
    entry.note({ action: "skipped", target: "frame", reason: `cut out for this reply: ${messageOf(cause)}` });
  }

  function through(from: number, delta: Delta): void {
    for (let i = from; i < slots.length; i++) {
      const slot = slots[i];
      const next = onward[i];
      if (!slot?.stage?.onDelta || !next) continue;
      try {
        slot.stage.onDelta(delta, next);
      } catch (cause) {
        cutOut(slot, next, cause);
        next(delta);
      }
      return;
    }
    out.push(delta);
  }

  function taken(): readonly Delta[] {
    const all = out;
    out = [];
    return all;
  }

  function endAll(how: "end" | "cut" | "release"): readonly Delta[] {
    slots.forEach((slot, i) => {
      const next = onward[i];
      if (!slot.stage || !next) return;
      try {
        if (how === "release") slot.stage.release(next);
        else slot.stage.onEnd(next, how === "cut");
      } catch (cause) {
        cutOut(slot, next, cause);
      }
      if (how === "release") slot.stage = undefined;
    });
    return taken();
  }

  return {
    oddFrame(frame, ended) {
      let frames: readonly Frame[] = [frame];
      for (const entry of rules) {
        guarded(entry, ({ onOddFrame }) => {
          if (onOddFrame) frames = frames.flatMap((current) => onOddFrame(current, ended) ?? [current]);
        });
      }
      return frames.length === 1 && frames[0] === frame ? undefined : frames;
    },
    payload(message) {
      let current = message;
      for (const entry of payloadRules) {
        if (!entry.rule?.onPayload) continue;
        // Not through `guarded`: this runs for every rule on every frame.
        try {
          const payload = entry.rule.onPayload(current.payload, current);
          if (payload === current.payload) continue;
          if (payload === undefined) return undefined;
          current = { frame: message.frame, payload };
        } catch (cause) {
          leaveOut(entry, cause);
        }
      }
      return current;
    },
    document(body) {
      let current = body;
      for (const entry of rules) {
        guarded(entry, ({ onDocument }) => {
          if (onDocument) current = onDocument(current);
        });
      }
      return current;
    },
    dress(payload) {
      let current = payload;
      for (const entry of sendRules) {
        guarded(entry, ({ onSend }) => {
          if (onSend) current = onSend(current);
        });
      }
      return current;
    },
    run(deltas) {
      if (slots.length === 0) return deltas;
      for (const delta of deltas) through(0, delta);
      const changed = taken();
      return sameDeltas(deltas, changed) ? deltas : changed;
    },
    end: (cut) => endAll(cut ? "cut" : "end"),
    release: () => endAll("release"),
    get held() {
      let held = 0;
      for (const slot of holders) held += slot.stage?.held ?? 0;
      return held;
    },
    idle: rules.length === 0 && slots.length === 0,
  };
}

function sameDeltas(a: readonly Delta[], b: readonly Delta[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** A stage for calls, made when the first one opens: most replies hold none, and what has nothing to hold passes everything on. */
function lateStage(start: () => Stage | undefined): LaneStage {
  let begun = false;
  let stage: Stage | undefined;
  return {
    onDelta(delta, emit) {
      if (!begun && delta.kind === "tool-open") {
        begun = true;
        stage = start();
      }
      if (stage) stage.onDelta(delta, emit);
      else emit(delta);
    },
    onEnd: (emit) => stage?.onEnd(emit),
    release: (emit) => stage?.release(emit),
    get held() {
      return stage?.held ?? 0;
    },
  };
}

/** A fix that cannot even start is left out, with a note. */
function guardedStart<T>(name: string, note: Note, start: () => T | undefined): T | undefined {
  try {
    return start();
  } catch (cause) {
    note({ action: "skipped", target: "frame", reason: `${name} could not start: ${messageOf(cause)}` });
    return undefined;
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
