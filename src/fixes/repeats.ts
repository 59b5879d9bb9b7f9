/**
 * Frames that went out unread and repeat one template. The first ones are read as one frame that says all their
 * texts; what each of them says, and every later one, is what that one said, with its own text. The pipeline
 * is given the later texts, again as one frame, when it has to know them: framing, JSON, dialect and stages are gone
 * through once for thousands of tokens.
 */
import type { Delta } from "../core/delta.ts";
import type { Step } from "../core/exchange.ts";
import type { StreamPipeline } from "./pipeline.ts";
import type { Template } from "./template.ts";

/** Bytes of text that are kept for the pipeline. */
const MAX_KEPT = 16 * 1024;
const LEAST_ROOM = 512;
// A byte order mark in a text is a character of it.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

interface RepeatsOptions {
  readonly onStep: (atMs: number, step: Step) => void;
  /** As `ExpressOptions.onRepeat`. */
  readonly onRepeat?: ((atMs: number, raw: Uint8Array, said: Step) => void) | undefined;
}

export class Repeats {
  readonly #pipeline: StreamPipeline;
  readonly #options: RepeatsOptions;
  #template: Template | undefined;
  /** What a frame of the template says, once some were read. */
  #said: Step | undefined;
  /** Not yet told. */
  #frames: Uint8Array[] = [];
  #times: number[] = [];
  /** Texts that the pipeline has not read, as they stand in their frames: `#used` bytes, of which `#told` are told. */
  #texts = new Uint8Array(0);
  #used = 0;
  #told = 0;

  constructor(pipeline: StreamPipeline, options: RepeatsOptions) {
    this.#pipeline = pipeline;
    this.#options = options;
  }

  /** A frame of the template; no other template's before `forget`. */
  add(template: Template, frame: Uint8Array, atMs: number): void {
    const { before, behind } = template;
    const to = frame.length - behind.length;
    const used = this.#used + to - before.length;
    if (this.#used > 0 && used > this.#most(template)) {
      this.read();
      this.add(template, frame, atMs);
      return;
    }
    this.#template = template;
    if (used > this.#texts.length) this.#grow(used);
    // Most texts are a few bytes: quicker than making a view to copy from.
    for (let from = before.length, at = this.#used; from < to; from++, at++) this.#texts[at] = frame[from] as number;
    this.#used = used;
    this.#frames.push(frame);
    this.#times.push(atMs);
  }

  /** Tells a step for each frame. */
  tell(): void {
    const [frames, times, template] = [this.#frames, this.#times, this.#template];
    if (frames.length === 0 || !template) return;
    this.#frames = [];
    this.#times = [];
    const texts = this.#texts.subarray(this.#told, this.#used);
    this.#told = this.#used;
    const said = (this.#said ??= this.#push(template));
    const { onRepeat } = this.#options;
    if (!onRepeat) this.#tellEach(template, said, frames, times, texts);
    else for (let i = 0; i < frames.length; i++) onRepeat(times[i] as number, frames[i] as Uint8Array, said);
  }

  /** The pipeline is to know everything. */
  read(): void {
    this.tell();
    if (this.#used > 0 && this.#template) this.#push(this.#template);
  }

  /** As `read`; the next frame of the template may say something else. */
  forget(): void {
    this.read();
    this.#said = undefined;
  }

  #tellEach(
    { before, behind, head, tail }: Template,
    { frame: { event, data }, deltas }: Step,
    frames: readonly Uint8Array[],
    times: readonly number[],
    bytes: Uint8Array,
  ): void {
    const said = deltas.length === 1 && deltas[0] && "text" in deltas[0] ? deltas[0] : undefined;
    const texts = decoder.decode(bytes);
    const isAscii = texts.length === bytes.length;
    const around = before.length + behind.length;
    let at = 0;
    for (let i = 0; i < frames.length; i++) {
      const raw = frames[i] as Uint8Array;
      const to = at + raw.length - around;
      const text = isAscii ? texts.slice(at, to) : decoder.decode(bytes.subarray(at, to));
      at = to;
      const own: readonly Delta[] = said ? [{ ...said, text: unescaped(text) }] : deltas;
      const frame = { raw, event, data: data === undefined ? undefined : head + text + tail };
      // Unless a rule breaks its word, the frame is untouched; what went out is in any case what came.
      this.#options.onStep(times[i] as number, { frame, deltas: own, out: own, sent: [raw] });
    }
  }

  /** Has the pipeline read one frame that says all the texts it does not know. */
  #push({ before, behind }: Template): Step {
    const frame = new Uint8Array(before.length + this.#used + behind.length);
    frame.set(before);
    frame.set(this.#texts.subarray(0, this.#used), before.length);
    frame.set(behind, before.length + this.#used);
    this.#used = this.#told = 0;
    return this.#pipeline.push(frame)[0] as Step;
  }

  /** What observes may look at how texts are cut: it was not asked (`StreamPipeline.wakes`). */
  #most({ before, behind }: Template): number {
    const { observed, frameBytes } = this.#pipeline;
    return observed ? 0 : Math.min(MAX_KEPT, frameBytes - before.length - behind.length);
  }

  #grow(least: number): void {
    const bigger = new Uint8Array(Math.max(LEAST_ROOM, this.#texts.length * 2, least));
    bigger.set(this.#texts.subarray(0, this.#used));
    this.#texts = bigger;
  }
}

/** What a string means that stands in JSON as `text`. */
function unescaped(text: string): string {
  return text.includes("\\") ? (JSON.parse(`"${text}"`) as string) : text;
}
