/**
 * How late the event loop is with 32 streams of 200 frames a second while requests of a megabyte arrive,
 * five a second: the whole sidecar with every fix, without and with recording, in turn.
 *
 *   node bench/loop.ts [--rounds 3] [--build directory]
 *
 * Prints for each round the delay (`monitorEventLoopDelay`, resolution 2 ms taken off), and the same of
 * an idle process as control: what the machine itself is late.
 */
import { fork, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Job, Seen } from "./client.ts";
import { freePort } from "./contestants.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    build: { type: "string", default: path.resolve(import.meta.dirname, "..") },
  },
});
const STREAMS = 32;
const PACE_MS = 5;
const FRAMES = 2000;
const EVERY_MS = 200;

const scratch = mkdtempSync(path.join(tmpdir(), "llama-proxy-loop-"));
writeFileSync(path.join(scratch, "quiet.yaml"), "stats: {enabled: false}\n");
const probe = ["--import", path.join(import.meta.dirname, "loop-probe.ts")];

async function helper(file: string): Promise<{ child: ChildProcess; first: unknown }> {
  const child = fork(path.join(import.meta.dirname, file), { stdio: "inherit" });
  const [first] = (await once(child, "message")) as [unknown];
  return { child, first };
}

const { child: backend, first } = await helper("backend.ts");
const { port: backendPort } = first as { port: number };
const { child: streams } = await helper("client.ts");
const { child: large } = await helper("client.ts");
backend.send({ frames: FRAMES, frameBytes: 240, paceMs: PACE_MS, burst: 1, prefillMs: 25 });
await once(backend, "message");

/** A process with the probe in it, and what it says of its loop. */
function watched(args: readonly string[]): { child: ChildProcess; told: () => Promise<string> } {
  const child = spawn(process.execPath, [...probe, ...args], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  return {
    child,
    async told() {
      said = "";
      child.kill("SIGUSR2");
      while (!said.includes("loop ")) await sleep(20);
      const { p50, p99, max } = JSON.parse(said.slice(said.indexOf("loop ") + 5).split("\n")[0] ?? "") as Record<
        "p50" | "p99" | "max",
        number
      >;
      return `p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(2)}, most ${max.toFixed(1)} ms`;
    },
  };
}

const base: Omit<Job, "port" | "connections" | "requestBytes" | "stream"> = {
  method: "POST",
  path: "/v1/chat/completions",
  headers: [],
  requests: 1,
  rampMs: 0,
  expected: undefined,
  frames: FRAMES,
  timeoutMs: 60_000,
};

async function run(record: "on" | "off"): Promise<void> {
  const port = await freePort();
  const sidecar = watched([
    path.join(options.build, "dist/cli/main.js"),
    "run",
    `--config=${path.join(scratch, "quiet.yaml")}`,
    `--port=${port}`,
    `--backend=http://127.0.0.1:${backendPort}`,
    `--db=${path.join(scratch, `${port}.db`)}`,
    "--fixes=all",
    `--record=${record}`,
  ]);
  const idle = watched(["-e", "setInterval(() => {}, 1000)"]);
  await sleep(2500);
  const play = async (frames: number): Promise<Seen> => {
    backend.send({ frames, frameBytes: 240, paceMs: PACE_MS, burst: 1, prefillMs: 25 });
    await once(backend, "message");
    streams.send({ ...base, port, connections: STREAMS, requestBytes: 1024, stream: true, rampMs: 200, frames } satisfies Job);
    const [seen] = (await once(streams, "message")) as [Seen];
    return seen;
  };
  await play(200);
  await sidecar.told();
  await idle.told();
  const state = { over: false };
  const playing = play(FRAMES).finally(() => (state.over = true));
  let requests = 0;
  while (!state.over) {
    const from = performance.now();
    large.send({ ...base, port, connections: 1, requestBytes: 1 << 20, stream: false } satisfies Job);
    await once(large, "message");
    requests += 1;
    await sleep(Math.max(0, EVERY_MS - (performance.now() - from)));
  }
  const seen = await playing;
  console.log(
    `recording ${record}: ${await sidecar.told()} (idle process: ${await idle.told()}); ${seen.complete} of ${STREAMS} streams whole, ${requests} large requests`,
  );
  for (const { child } of [sidecar, idle]) {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
}

for (let round = 0; round < Number(options.rounds); round++) for (const record of ["off", "on"] as const) await run(record);
for (const child of [backend, streams, large]) child.disconnect();
rmSync(scratch, { recursive: true, force: true });
