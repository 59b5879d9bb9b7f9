/**
 * The engines alone, under `vitest bench` (`npm run bench:engines`): the pipeline with every default fix on
 * against the same pipeline with none, on clean streams of 250 frames as llama-server cuts them.
 *
 * Method: no sockets; one iteration is one whole reply, its pipeline set up included, frames pushed one by
 * one; each plan is warmed up, then run for a second. Every iteration checks that what came out is what went
 * in, and the frames held are counted over all of them: more than none fails the bench. The two medians,
 * subtracted and divided by 250, are what the engines cost a frame. This is wall-clock time of one plan
 * behind the other: where the machine has other work, `node bench/engines.ts`, which takes turns and counts
 * CPU time, says more. Modules are node's own, not vitest's module runner, which slows every import (package.json).
 */
import { expect, test } from "vitest";
import { play, PLANS, type Shape, streamOf } from "./engine-streams.ts";

const FRAMES = 250;
const SHAPES: readonly Shape[] = ["prose", "arguments"];

for (const shape of SHAPES) {
  test(`${shape}, ${FRAMES} frames a reply`, { timeout: 60_000 }, async ({ bench }) => {
    const frames = streamOf(shape, FRAMES);
    let held = 0;
    const run = (name: keyof typeof PLANS) =>
      bench(name, () => {
        held += play(PLANS[name], frames);
      });
    const results = await bench.compare(run("none"), run("all"), { time: 1000, warmupTime: 500 });
    const cost = (results.get("all").latency.p50 - results.get("none").latency.p50) * 1000;
    console.log(`${shape}: engines ${(cost / frames.length).toFixed(2)} us/frame, set-up included; frames held ${held}`);
    expect(held).toBe(0);
  });
}
