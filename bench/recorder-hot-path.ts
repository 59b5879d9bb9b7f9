/**
 * What recording costs: streams of 250 frames while requests of 1 MB arrive, told to the recorder as the relay
 * would tell it. CPU per frame of this thread and of the whole process (the recorder's thread and V8's with it)
 * with a sink that does nothing and with the recorder, in turns; and how late the event loop runs.
 *
 * node bench/recorder-hot-path.ts [seconds per run] [streams] [frames per second] [large requests per second]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { ExchangeSink, ExchangeTap } from "../src/core/sink.ts";
import { createRecorder } from "../src/recorder/recorder.ts";
import { endAfter, random, startAt, writer } from "./recorder-traffic.ts";

const [seconds = 4, STREAMS = 32, RATE = 200, LARGE = 5] = process.argv.slice(2).map(Number);
const FRAMES = 250;
const TICK_MS = 5;
const text = writer(random(3));
const requests = Array.from({ length: 8 }, () =>
  Buffer.from(JSON.stringify({ messages: Array.from({ length: 20 }, () => ({ role: "user", content: text(50_000) })) })),
);
const frames = Array.from({ length: 1000 }, () =>
  Buffer.from(
    `data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":${JSON.stringify(text(6))}}}],"created":1789000000,"id":"chatcmpl-x","model":"qwen3-coder-30b","system_fingerprint":"b8800-1a2b3c4d","object":"chat.completion.chunk"}\n\n`,
  ),
);

const nothing: ExchangeSink = { name: "nothing", begin: () => ({ request: () => undefined, step: () => undefined, end: () => undefined }) };

interface Run {
  readonly usPerFrame: number;
  readonly usPerFrameOfAll: number;
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
}

async function run(sink: ExchangeSink, name: string): Promise<Run> {
  let exchanges = 0;
  function begin(body: Uint8Array): ExchangeTap {
    exchanges += 1;
    const tap = sink.begin(startAt(`${name}-${exchanges}`, Date.now()));
    tap?.request?.(undefined, body);
    tap?.head?.(1, 200, ["Content-Type", "text/event-stream"]);
    return tap ?? { end: () => undefined };
  }
  const small = Buffer.from('{"messages":[{"role":"user","content":"go"}]}');
  const streams = Array.from({ length: STREAMS }, () => begin(small));
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const began = performance.now();
  const cpu = process.threadCpuUsage();
  const cpuOfAll = process.cpuUsage();
  let told = 0;
  let big = 0;
  while (performance.now() - began < seconds * 1000) {
    const elapsed = performance.now() - began;
    const due = Math.floor((elapsed / 1000) * RATE) * STREAMS;
    for (; told < due; told++) {
      const raw = frames[told % frames.length] as Buffer;
      const which = told % STREAMS;
      if (Math.floor(told / STREAMS) % FRAMES === (which * 7) % FRAMES && told >= STREAMS) {
        streams[which]?.end(endAfter(10, 1, 0, FRAMES));
        streams[which] = begin(small);
      }
      streams[which]?.step?.(elapsed, { frame: { raw, event: undefined, data: undefined }, deltas: [], out: [], sent: [raw] });
    }
    if (big < (elapsed / 1000) * LARGE) {
      begin(requests[big % requests.length] as Buffer).end(endAfter(10, 1, 0, 1));
      big += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  const used = process.threadCpuUsage(cpu);
  delay.disable();
  for (const stream of streams) stream.end(endAfter(10, 1, 0, 1));
  // What the recorder's thread has put off is still counted.
  await new Promise((resolve) => setTimeout(resolve, 700));
  const usedByAll = process.cpuUsage(cpuOfAll);
  return {
    usPerFrame: (used.user + used.system) / told,
    usPerFrameOfAll: (usedByAll.user + usedByAll.system) / told,
    delayP99Ms: delay.percentile(99) / 1e6,
    delayMaxMs: delay.max / 1e6,
  };
}

const folder = mkdtempSync(join(tmpdir(), "llama-proxy-bench-"));
const results: { without: Run; with: Run }[] = [];
{
  await using recorder = createRecorder({ path: join(folder, "hot.db") });
  await run(recorder, "warm");
  for (let pair = 0; pair < 4; pair++) {
    results.push({ without: await run(nothing, "n"), with: await run(recorder, `r${pair}`) });
  }
  console.log(JSON.stringify(recorder.stats()));
}
rmSync(folder, { recursive: true });
const median = (values: readonly number[]) =>
  Math.round((values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0) * 1000) / 1000;
console.log(
  JSON.stringify({
    us_per_frame_without: median(results.map((r) => r.without.usPerFrame)),
    us_per_frame_with: median(results.map((r) => r.with.usPerFrame)),
    us_per_frame_difference: median(results.map((r) => r.with.usPerFrame - r.without.usPerFrame)),
    us_per_frame_difference_of_all_threads: median(results.map((r) => r.with.usPerFrameOfAll - r.without.usPerFrameOfAll)),
    rss_mb: Math.round(process.memoryUsage().rss / 1e6),
    loop_delay_p99_ms: median(results.map((r) => r.with.delayP99Ms)),
    loop_delay_p99_ms_without: median(results.map((r) => r.without.delayP99Ms)),
    loop_delay_max_ms: median(results.map((r) => r.with.delayMaxMs)),
  }),
);
