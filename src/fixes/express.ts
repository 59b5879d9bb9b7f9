/**
 * The pipeline as a socket needs it: what nothing can change goes out at once and is read later,
 * many frames together. Reading is then no part of a token's way, and costs less: a frame that is
 * read alone finds the processor's caches full of other streams.
 *
 *   chunk → plain? ─ yes → out, kept for catchUp()
 *             └ no → catchUp(), pipeline → out
 *
 * Plain are whole frames that no fix looks at, and frames that repeat the last one around a text in which
 * no stage sees anything (template.ts). Both are read by the same pipeline in the end, the latter many as
 * one (repeats.ts): steps, notes and numbers are those of a pipeline without this.
 */
import type { FixNote, Step } from "../core/exchange.ts";
import type { StreamPipeline } from "./pipeline.ts";
import { Repeats } from "./repeats.ts";
import { endsOfRepeats, learnTemplate, repeats, type Template } from "./template.ts";
import type { Wakes } from "./wakes.ts";

export interface Express {
  /**
   * True for a chunk that may go out as it is, whole; it is kept for `catchUp`. Any other is to be given to
   * `push`. `atMs`: when it came; its steps are given that time.
   */
  takes(chunk: Uint8Array, atMs: number): boolean;
  /** The bytes to send now. */
  push(chunk: Uint8Array, atMs: number): readonly Uint8Array[];
  /** As `StreamPipeline.end`. */
  end(cut: boolean, atMs: number): readonly Uint8Array[];
  /** Tells the steps of all that went out. */
  catchUp(): void;
  /** Something went out of which no step was told yet. */
  behind(): boolean;
  notes(): readonly FixNote[];
}

export interface ExpressOptions {
  readonly onStep: (atMs: number, step: Step) => void;
  /** Instead of `onStep` for a frame that says what `said` says, with another text: for who does not ask for that text. */
  readonly onRepeat?: ((atMs: number, raw: Uint8Array, said: Step) => void) | undefined;
  /** False: nobody does. Of a stream that nothing can change only the end is kept, to be read by `catchUp`. */
  readonly listened: boolean;
}

/** So many chunks wait to be read at most. */
const MAX_BEHIND = 256;
/** A stream whose frames differ in more than their text (a count, a clock) is not learnt for ever. A short call takes two. */
const MAX_LEARNED = 64;
const LF = 10;

interface Told {
  readonly steps: readonly Step[];
  readonly atMs: number;
}

interface Unread {
  readonly bytes: Uint8Array;
  readonly atMs: number;
  /** Where its frames end, which repeat the template; undefined: not looked for yet. */
  readonly ends: readonly number[] | undefined;
}

export function createExpress(pipeline: StreamPipeline, { onStep, onRepeat, listened }: ExpressOptions): Express {
  const { idle, frameBytes } = pipeline;
  const repeated = new Repeats(pipeline, { onStep, onRepeat });
  let unread: Unread[] = [];
  /** Steps of what had to be read at once; they came before all that is unread. */
  let untold: Told[] = [];
  /** `pipeline.between`, kept here: it is asked for with every chunk. */
  let between = true;
  let template: Template | undefined;
  /** Undefined: the next frame must be read before it goes out. */
  let wakes: Wakes | undefined;
  /** Templates learnt since one was last of use. */
  let learned = 0;

  /** Where the frames of a chunk end, if it is whole frames that repeat the template around plain text. */
  function plainEnds(chunk: Uint8Array): readonly number[] | undefined {
    if (!template || !wakes || chunk.length > frameBytes) return undefined;
    const ends = endsOfRepeats(template, chunk, wakes);
    if (ends) learned = 0;
    return ends;
  }

  /** What the last frame, read and sent as it came, allows for the next ones. */
  function learn(step: Step | undefined): void {
    wakes = undefined;
    if (step?.out !== step?.deltas || step?.deltas.length !== 1 || !isUntouched(step)) return;
    const [delta] = step.deltas;
    if (!delta || !("text" in delta)) return;
    wakes = pipeline.wakes(delta);
    if (!wakes || (template && repeats(template, step.frame.raw))) return;
    template = learned < MAX_LEARNED ? learnTemplate(step.frame, delta.text) : undefined;
    learned += 1;
  }

  function catchUp(): void {
    for (const { steps, atMs } of untold) for (const step of steps) onStep(atMs, step);
    untold = [];
    const late = unread;
    unread = [];
    for (const { bytes, atMs, ends } of late) {
      const plain = ends ?? plainEnds(bytes);
      if (plain && template) addFrames(template, bytes, plain, atMs);
      else {
        repeated.forget();
        const steps = pipeline.push(bytes);
        for (const step of steps) onStep(atMs, step);
        learn(steps.at(-1));
      }
    }
    repeated.tell();
  }

  function addFrames(of: Template, chunk: Uint8Array, ends: readonly number[], atMs: number): void {
    if (ends.length === 1) return repeated.add(of, chunk, atMs);
    let from = 0;
    for (const end of ends) {
      repeated.add(of, chunk.subarray(from, end), atMs);
      from = end;
    }
  }

  /** As `catchUp`, and the pipeline knows all of it. */
  function readAll(): void {
    catchUp();
    repeated.forget();
  }

  return {
    takes(chunk, atMs) {
      if (!between) return false;
      // Where nothing can change anything, templates are for reading only.
      const ends = idle ? undefined : plainEnds(chunk);
      if (!ends && !(idle && endsFrame(chunk))) return false;
      // The end mark and what stood before it are enough where nobody listens.
      if (idle && !listened && unread.length === 2) unread[0] = unread.pop() as Unread;
      unread.push({ bytes: chunk, atMs, ends });
      if (unread.length >= MAX_BEHIND) catchUp();
      return true;
    },
    push(chunk, atMs) {
      if (unread.length > 0) catchUp();
      repeated.forget();
      const steps = pipeline.push(chunk);
      between = pipeline.between();
      learn(steps.at(-1));
      // Its bytes go first.
      untold.push({ steps, atMs });
      return sentBy(steps);
    },
    end(cut, atMs) {
      if (listened || !idle) readAll();
      unread = [];
      untold = [];
      const steps = pipeline.end(cut);
      for (const step of steps) onStep(atMs, step);
      return sentBy(steps);
    },
    catchUp,
    behind: () => unread.length > 0 || untold.length > 0,
    notes() {
      readAll();
      return pipeline.notes();
    },
  };
}

function sentBy(steps: readonly Step[]): readonly Uint8Array[] {
  const [only] = steps;
  return steps.length === 1 && only ? only.sent : steps.flatMap((step) => step.sent);
}

function endsFrame(chunk: Uint8Array): boolean {
  const { length } = chunk;
  return length > 1 && chunk[length - 1] === LF && chunk[length - 2] === LF;
}

function isUntouched({ frame, sent }: Step): boolean {
  return sent.length === 1 && sent[0] === frame.raw;
}
