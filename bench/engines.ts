/**
 * What the fixes cost on clean streams: microseconds of CPU per frame with every default fix on, over
 * the same pipeline with none, for prose and for tool-call arguments cut as llama-server cuts them; and
 * with them on as the sidecar runs them (fixes/express.ts), unheard and heard by a listener of frames.
 *
 *   node bench/engines.ts [frames] [rounds]
 *
 * Method: the pipeline alone, no sockets; frames pushed one by one, as they come off the wire; both plans
 * in turn in every round, CPU time of the process (not the wall clock), the first two rounds left out,
 * medians of the differences round by round. The bytes that come out are checked, so nothing can be left
 * out. `held` is the number of frames that had to wait: it must be 0.
 */
import type { Step } from "../src/core/exchange.ts";
import { play, playExpress, PLANS, type Shape, streamOf } from "./engine-streams.ts";

const FRAMES = Number(process.argv[2] ?? 1000);
const ROUNDS = Number(process.argv[3] ?? 12);
const STREAMS = Math.ceil(20_000 / FRAMES);
const SHAPES: readonly Shape[] = ["prose", "arguments"];

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;

/** A listener that looks at what the recorder and telemetry look at. */
let heard = 0;
const listener = (atMs: number, { frame, deltas }: Step): void => {
  heard += frame.data === undefined ? atMs : frame.raw.length + deltas.length;
};

for (const shape of SHAPES) {
  const frames = streamOf(shape, FRAMES);
  let held = 0;
  let unread = 0;
  const ways = {
    none: () => (held += play(PLANS.none, frames)),
    all: () => (held += play(PLANS.all, frames)),
    express: () => (unread = playExpress(PLANS.all, frames)),
    "express heard": () => playExpress(PLANS.all, frames, listener),
    "no fix heard": () => playExpress(PLANS.none, frames, listener),
  };
  const costs = new Map(Object.keys(ways).map((name) => [name, [] as number[]]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(ways)) {
      const before = process.cpuUsage();
      for (let i = 0; i < STREAMS; i++) run();
      const { user, system } = process.cpuUsage(before);
      costs.get(name)?.push((user + system) / (STREAMS * frames.length));
    }
  }
  const of = (name: keyof typeof ways): readonly number[] => costs.get(name)?.slice(2) ?? [];
  const over = of("all").map((cost, i) => cost - (of("none")[i] ?? 0));
  const line = [...costs.keys()].map((name) => `${name} ${median(of(name as keyof typeof ways)).toFixed(2)}`).join("  ");
  console.log(`${shape.padEnd(10)} ${line}  engines ${median(over).toFixed(2)} us/frame  held ${held}  unread ${unread}/${frames.length}`);
  if (held > 0 || heard === 0) process.exitCode = 1;
}
