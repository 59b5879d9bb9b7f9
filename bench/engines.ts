/**
 * What the fixes cost on clean streams: microseconds of CPU per frame with every default fix on, over
 * the same pipeline with none, for prose and for tool-call arguments cut as llama-server cuts them.
 *
 *   node bench/engines.ts [frames] [rounds]
 *
 * Method: the pipeline alone, no sockets; frames pushed one by one, as they come off the wire; both plans
 * in turn in every round, CPU time of the process (not the wall clock), the first two rounds left out,
 * medians of the differences round by round. The bytes that come out are checked, so nothing can be left
 * out. `held` is the number of frames that had to wait: it must be 0.
 */
import { play, PLANS, type Shape, streamOf } from "./engine-streams.ts";

const FRAMES = Number(process.argv[2] ?? 1000);
const ROUNDS = Number(process.argv[3] ?? 12);
const STREAMS = Math.ceil(20_000 / FRAMES);
const SHAPES: readonly Shape[] = ["prose", "arguments"];

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;

for (const shape of SHAPES) {
  const frames = streamOf(shape, FRAMES);
  const costs: Record<string, number[]> = { none: [], all: [] };
  let held = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, plan] of Object.entries(PLANS)) {
      const before = process.cpuUsage();
      for (let i = 0; i < STREAMS; i++) held += play(plan, frames);
      const { user, system } = process.cpuUsage(before);
      costs[name]?.push((user + system) / (STREAMS * frames.length));
    }
  }
  const [none = [], all = []] = [costs["none"]?.slice(2), costs["all"]?.slice(2)];
  const over = all.map((cost, i) => cost - (none[i] ?? 0));
  console.log(
    `${shape.padEnd(10)} none ${median(none).toFixed(2)}  all ${median(all).toFixed(2)}  engines ${median(over).toFixed(2)} us/frame  held ${held}`,
  );
  if (held > 0) process.exitCode = 1;
}
