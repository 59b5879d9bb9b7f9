/**
 * The pure part alone: microseconds of CPU per frame of the pipeline, with no fixes and with all that
 * are on by default, on a clean chat stream that comes frame by frame. For changes too small for the
 * whole benchmark to see; what counts is what that one says.
 *
 *   node bench/pipeline.ts [frame bytes] [frames per chunk]
 */
import { openaiChat } from "../src/dialects/openai-chat.ts";
import { createStreamPipeline } from "../src/fixes/pipeline.ts";
import { planFixes } from "../src/fixes/index.ts";
import type { FixPlan } from "../src/fixes/fix.ts";
import { requestBody, streamBytes } from "./frames.ts";

const FRAMES = 250;
const frameBytes = Number(process.argv[2] ?? 240);
const perChunk = Number(process.argv[3] ?? 1);

const body = Buffer.from(streamBytes({ frames: FRAMES, frameBytes, paceMs: 0, burst: 1, prefillMs: 0 }).body);
const chunks: Buffer[] = [];
for (let from = 0, at = 0, frames = 0; at >= 0;) {
  at = body.indexOf("\n\n", at);
  if (at < 0) break;
  at += 2;
  frames += 1;
  if (frames % perChunk === 0 || at === body.length) {
    chunks.push(body.subarray(from, at));
    from = at;
  }
}
const request = openaiChat.readRequest(JSON.parse(Buffer.from(requestBody(1024, true)).toString()));

/** One stream; the result keeps the engine from leaving the work out. */
function play(plan: FixPlan): number {
  const pipeline = createStreamPipeline(plan, openaiChat, request);
  let bytes = 0;
  for (const chunk of chunks) for (const step of pipeline.push(chunk)) for (const sent of step.sent) bytes += sent.length;
  for (const step of pipeline.end()) for (const sent of step.sent) bytes += sent.length;
  return bytes;
}

const plans = { "no fixes": [] as FixPlan, "all fixes": planFixes({ enabled: true, modules: {} }) };
const best: Record<string, number[]> = {};
for (let round = 0; round < 9; round++) {
  for (const [name, plan] of Object.entries(plans)) {
    const before = process.cpuUsage();
    const streams = 60;
    for (let i = 0; i < streams; i++) if (play(plan) !== body.length) throw new Error("bytes are not the same");
    const { user, system } = process.cpuUsage(before);
    (best[name] ??= []).push((user + system) / (streams * FRAMES));
  }
}
for (const [name, costs] of Object.entries(best)) {
  const sorted = costs.slice(2).toSorted((a, b) => a - b);
  console.log(
    `${name.padEnd(10)} ${(sorted[sorted.length >> 1] ?? NaN).toFixed(2)} us/frame (median of ${sorted.length}, least ${(sorted[0] ?? NaN).toFixed(2)})`,
  );
}
