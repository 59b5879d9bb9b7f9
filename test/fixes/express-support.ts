/** The express way and the plain pipeline over the same stream. */
import type { Step } from "../../src/core/exchange.ts";
import type { Delta, RequestView } from "../../src/core/delta.ts";
import type { Dialect } from "../../src/dialects/dialect.ts";
import { createExpress } from "../../src/fixes/express.ts";
import type { FixPlan } from "../../src/fixes/fix.ts";
import { createStreamPipeline, type PipelineLimits } from "../../src/fixes/pipeline.ts";

export interface Stream {
  readonly name: string;
  readonly dialect: Dialect;
  readonly request: RequestView;
  readonly body: Buffer;
}

/** Every event in a piece of its own, as llama-server writes them. */
export function eventCuts(body: Buffer): number[] {
  const cuts: number[] = [];
  for (let at = body.indexOf("\n\n"); at >= 0; at = body.indexOf("\n\n", at + 2)) cuts.push(at + 2);
  return cuts.filter((at) => at < body.length);
}

export function pieces(body: Buffer, cuts: readonly number[]): Buffer[] {
  const edges = [0, ...cuts, body.length];
  return edges.slice(1).map((to, i) => body.subarray(edges[i], to));
}

function plain(plan: FixPlan, { dialect, request }: Stream, chunks: readonly Buffer[], cut: boolean, limits?: PipelineLimits) {
  const pipeline = createStreamPipeline(plan, dialect, request, limits);
  const said = [...chunks.map((chunk) => pipeline.push(chunk)), pipeline.end(cut)];
  const steps = said.flat();
  return {
    sent: Buffer.concat(steps.flatMap((step) => step.sent)),
    steps,
    times: said.flatMap((of, i) => of.map(() => i)),
    notes: pipeline.notes(),
  };
}

/** `reads`: behind which chunks everything unread is read. */
function express(
  plan: FixPlan,
  { dialect, request }: Stream,
  chunks: readonly Buffer[],
  cut: boolean,
  reads: (i: number) => boolean,
  limits: PipelineLimits | undefined,
  /** Asks for no step of its own for a frame that repeats others. */
  shared = false,
) {
  const steps: Step[] = [];
  const times: number[] = [];
  const onStep = (atMs: number, step: Step) => {
    steps.push(step);
    times.push(atMs);
  };
  const onRepeat = shared
    ? (atMs: number, raw: Uint8Array, said: Step) => onStep(atMs, { ...said, frame: { ...said.frame, raw } })
    : undefined;
  const one = createExpress(createStreamPipeline(plan, dialect, request, limits), { listened: true, onStep, onRepeat });
  let late = 0;
  const sent = chunks.flatMap((chunk, i) => {
    const unread = one.takes(chunk, i);
    const out = unread ? [chunk] : one.push(chunk, i);
    if (unread) late += 1;
    if (reads(i)) one.catchUp();
    return [...out];
  });
  sent.push(...one.end(cut, chunks.length));
  return { sent: Buffer.concat(sent), steps, times, notes: one.notes(), late, behind: one.behind() };
}

function summary(steps: readonly Step[]) {
  return steps.map(({ frame, deltas, out, sent }) => ({
    raw: Buffer.from(frame.raw).toString("latin1"),
    event: frame.event,
    data: frame.data,
    deltas,
    out,
    sent: sent.map((bytes) => Buffer.from(bytes).toString("latin1")),
  }));
}

/** What is told of a frame to who does not ask for its text. */
function outline(steps: readonly Step[], times: readonly number[]) {
  return steps.map(({ frame, deltas, out }, i) => ({
    at: times[i],
    raw: Buffer.from(frame.raw).toString("latin1"),
    isMessage: frame.data !== undefined,
    said: deltas.map(withoutText),
    out: out.map(withoutText),
  }));
}

function withoutText(delta: Delta): object {
  return { ...delta, text: undefined };
}

/** What both say of the same chunks; `late`: chunks behind which something was unread. */
export function both(
  plan: FixPlan,
  stream: Stream,
  cuts: readonly number[],
  cut = false,
  reads = (_i: number) => false,
  limits?: PipelineLimits,
) {
  const chunks = pieces(stream.body, cuts);
  const read = plain(plan, stream, chunks, cut, limits);
  const late = express(plan, stream, chunks, cut, reads, limits);
  const shared = express(plan, stream, chunks, cut, reads, limits, true);
  return {
    wanted: {
      sent: read.sent.toString("latin1"),
      steps: summary(read.steps),
      notes: read.notes,
      behind: false,
      times: read.times,
      outline: outline(read.steps, read.times),
    },
    got: {
      sent: late.sent.toString("latin1"),
      steps: summary(late.steps),
      notes: late.notes,
      behind: late.behind,
      times: late.times,
      outline: outline(shared.steps, shared.times),
    },
    late: late.late,
  };
}
