/**
 * What telemetry costs an exchange of 200 frames: its sink and undici's instrumentation, exports to a real OTLP
 * receiver included. Each measurement is a process of its own that sends real requests through undici and tells a
 * sink of them as the relay does; with telemetry and without, in turn. Bar of issue 5: 0.3 ms.
 *
 *   node bench/telemetry.ts [--rounds 7] [--exchanges 1500] [--build old=/path/a --build new=/path/b]
 *
 * `--build` names trees whose telemetry is measured (each needs its node_modules), all in every round, in turn first; without it, this tree's.
 *
 * CPU of the whole process (all threads), the first 300 exchanges left out: compiling is not what a frame costs.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { request } from "undici";
import type { ExchangeTap } from "../src/core/sink.ts";
import { startTelemetry } from "../src/otel/telemetry.ts";
import { endOf, startOf, viewOf } from "../test/support/exchanges.ts";
import { optionsFor } from "../test/support/telemetry-options.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    exchanges: { type: "string", default: "1500" },
    build: { type: "string", multiple: true, default: [] },
    measure: { type: "string" },
    backend: { type: "string", default: "" },
    collector: { type: "string", default: "" },
  },
});
const FRAMES = 200;
const WARM_UP = 300;
const EXCHANGES = Number(options.exchanges);

const raw = new TextEncoder().encode('data: {"choices":[{"index":0,"delta":{"content":" word"}}]}\n\n');
const deltas = [{ kind: "text" as const, choice: 0, text: " word" }];
const step = { frame: { raw, event: undefined, data: "{}" }, deltas, out: deltas, sent: [raw] };

const ask = () => request(options.backend, { method: "POST", body: "{}" });

async function exchange(begin: (start: ReturnType<typeof startOf>) => ExchangeTap | undefined): Promise<void> {
  const start = startOf();
  const tap = begin(start);
  tap?.request?.(viewOf({ model: "qwen3-coder", stream: true }), raw);
  const { body } = await (tap?.enter ? tap.enter(ask) : ask());
  tap?.head?.(20, 200, ["Content-Type", "text/event-stream"]);
  for (let i = 0; i < FRAMES; i++) tap?.step?.(20 + i * 2, step);
  await body.dump();
  const usage = { promptTokens: 1200, completionTokens: FRAMES, cachedTokens: 1000 };
  const summary = { id: "c-1", model: "qwen3-coder", finishReasons: ["stop"], toolCalls: 0, chunks: FRAMES, usage };
  tap?.end(endOf({ streamed: true, firstChunkMs: 20, firstTokenMs: 20, lastTokenMs: 420, durationMs: 425, upstreamEndMs: 424, summary }));
}

/** Microseconds of CPU per exchange, of this process. */
async function measure(on: boolean): Promise<number> {
  const env = { OTEL_BSP_SCHEDULE_DELAY: "500", OTEL_BLRP_SCHEDULE_DELAY: "500", OTEL_METRIC_EXPORT_INTERVAL: "5000" };
  const telemetry = on ? await startTelemetry({ ...optionsFor(options.collector), env }) : undefined;
  const begin = (start: ReturnType<typeof startOf>) => telemetry?.begin(start);
  for (let i = 0; i < WARM_UP; i++) await exchange(begin);
  const before = process.cpuUsage();
  for (let i = 0; i < EXCHANGES; i++) await exchange(begin);
  await telemetry?.flush();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / EXCHANGES;
}

async function listen(answer: string): Promise<string> {
  const server = createServer((incoming, response) => {
    incoming.resume().on("end", () => response.writeHead(200, { "content-type": "application/json" }).end(answer));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
}

if (options.measure === undefined) {
  const backend = await listen("{}");
  const collector = await listen("{}");
  const cost = async (tree: string, which: "on" | "off"): Promise<number> => {
    const args = [`--measure=${which}`, `--backend=${backend}`, `--collector=${collector}`, `--exchanges=${EXCHANGES}`];
    const child = fork(path.join(tree, "bench/telemetry.ts"), args);
    const [told] = (await once(child, "message")) as [number];
    await once(child, "exit");
    await sleep(200);
    return told;
  };
  const here = path.resolve(import.meta.dirname, "..");
  const builds = options.build.length === 0 ? [["with", here]] : options.build.map((build) => build.split("="));
  const runs = [
    { name: "without", tree: here, which: "off" as const },
    ...builds.map(([name = "", tree = here]) => ({ name, tree, which: "on" as const })),
  ];
  const added = new Map<string, number[]>(builds.map(([name = ""]) => [name, []]));
  for (let round = 0; round < Number(options.rounds); round++) {
    const took = new Map<string, number>();
    // Whoever is measured first is another one each round: the machine's speed drifts.
    const turn = round % runs.length;
    for (const { name, tree, which } of [...runs.slice(turn), ...runs.slice(0, turn)]) took.set(name, await cost(tree, which));
    const off = took.get("without") ?? NaN;
    const told = [...added.keys()].map((name) => [name, took.get(name) ?? NaN] as const);
    for (const [name, us] of told) added.get(name)?.push(us - off);
    console.log(
      `without ${off.toFixed(0)}${told.map(([name, us]) => `, ${name} ${us.toFixed(0)} (added ${(us - off).toFixed(0)})`).join("")} us per exchange`,
    );
  }
  for (const [name, all] of added) {
    const sorted = all.toSorted((a, b) => a - b);
    console.log(`median added, ${name}: ${sorted[Math.floor(sorted.length / 2)]?.toFixed(0)} us per exchange of ${FRAMES} frames`);
  }
} else {
  process.send?.(await measure(options.measure === "on"));
  process.exit(0);
}
