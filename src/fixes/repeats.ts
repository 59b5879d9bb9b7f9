/**
 * Frames that went out unread and repeat one template are read as one frame that says all their texts: framing,
 * JSON, dialect and stages are gone through once for many. What each of them says is that, with its own text.
 */
import type { Delta } from "../core/delta.ts";
import type { Step } from "../core/exchange.ts";
import type { StreamPipeline } from "./pipeline.ts";
import type { Template } from "./template.ts";

/** Bytes of frames that are read as one. */
const MAX_BYTES = 64 * 1024;
// A byte order mark in a text is a character of it.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export class Repeats {
  readonly #pipeline: StreamPipeline;
  readonly #onStep: (atMs: number, step: Step) => void;
  readonly #listened: boolean;
  readonly #most: number;
  #template: Template | undefined;
  #frames: Uint8Array[] = [];
  #times: number[] = [];
  #bytes = 0;

  constructor(pipeline: StreamPipeline, onStep: (atMs: number, step: Step) => void, listened: boolean) {
    this.#pipeline = pipeline;
    this.#onStep = onStep;
    this.#listened = listened;
    // What observes may look at how texts are cut; it was not asked (`StreamPipeline.wakes`).
    this.#most = pipeline.observed ? 0 : Math.min(MAX_BYTES, pipeline.frameBytes);
  }

  add(template: Template, frame: Uint8Array, atMs: number): void {
    if (this.#bytes + frame.length > this.#most) this.read();
    this.#template = template;
    this.#frames.push(frame);
    this.#times.push(atMs);
    this.#bytes += frame.length;
  }

  /** Reads what was added, and tells a step for each. */
  read(): void {
    const [frames, times, template] = [this.#frames, this.#times, this.#template];
    if (frames.length === 0 || !template) return;
    this.#frames = [];
    this.#times = [];
    this.#bytes = 0;
    const one = joined(template, frames);
    const [read] = this.#pipeline.push(one);
    if (!read) return;
    if (!this.#listened) for (const atMs of times) this.#onStep(atMs, read);
    else this.#tell(template, frames, times, read);
  }

  #tell({ before, behind, head, tail }: Template, frames: readonly Uint8Array[], times: readonly number[], read: Step): void {
    const [said] = read.deltas;
    const saysText = read.deltas.length === 1 && said && "text" in said;
    const { event, data } = read.frame;
    const from = before.length;
    const whole = read.frame.raw;
    const texts = decoder.decode(whole.subarray(from, whole.length - behind.length));
    const isAscii = texts.length === whole.length - from - behind.length;
    let at = 0;
    for (let i = 0; i < frames.length; i++) {
      const raw = frames[i] as Uint8Array;
      const to = raw.length - behind.length;
      const text = isAscii ? texts.slice(at, (at += to - from)) : decoder.decode(raw.subarray(from, to));
      const deltas: readonly Delta[] = saysText ? [{ ...said, text: unescaped(text) }] : read.deltas;
      // Unless a rule breaks its word, this is what the pipeline says; what went out is in any case what came.
      const frame = { raw, event, data: data === undefined ? undefined : head + text + tail };
      this.#onStep(times[i] as number, { frame, deltas, out: deltas, sent: [raw] });
    }
  }
}

/** The template around all the frames' texts. */
function joined({ before, behind }: Template, frames: readonly Uint8Array[]): Uint8Array {
  const [first] = frames;
  if (frames.length === 1 && first) return first;
  const around = before.length + behind.length;
  const whole = new Uint8Array(frames.reduce((bytes, frame) => bytes + frame.length - around, around));
  whole.set(before);
  let at = before.length;
  for (const frame of frames) {
    const to = frame.length - behind.length;
    // Most texts are a few bytes: quicker than making a view to copy from.
    for (let i = before.length; i < to; i++) whole[at++] = frame[i] as number;
  }
  whole.set(behind, at);
  return whole;
}

/** What a string means that stands in JSON as `text`. */
function unescaped(text: string): string {
  return text.includes("\\") ? (JSON.parse(`"${text}"`) as string) : text;
}
