/**
 * Is the heap after many exchanges where it was? Streams, short replies, clients that leave in the
 * middle and requests that are no JSON, in turn; after a warm-up the heap is looked at ten times, behind
 * a forced collection. Fails when a line through those points climbs by more than 64 B per exchange and
 * the heap by more than 3 MB.
 *
 *   node bench/leak.ts [--exchanges 100000] [--flags="--fixes all --record on"]
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Job, Seen } from "./client.ts";
import { freePort } from "./contestants.ts";
import { requestBody } from "./frames.ts";

const { values: options } = parseArgs({
  options: {
    exchanges: { type: "string", default: "100000" },
    flags: { type: "string", default: "--fixes all --record on" },
  },
});
const POINTS = 10;
const CONNECTIONS = 16;
const BYTES_PER_EXCHANGE = 64;
const GROWTH = 3e6;

interface Heap {
  readonly heapUsed: number;
  readonly arrayBuffers: number;
  readonly rss: number;
}

const scratch = mkdtempSync(path.join(tmpdir(), "llama-proxy-leak-"));
writeFileSync(path.join(scratch, "quiet.yaml"), "stats: {enabled: false}\nrecorder: {max_size: 64MB}\n");
const backend = fork(path.join(import.meta.dirname, "backend.ts"), { stdio: "inherit" });
const [{ port: backendPort }] = (await once(backend, "message")) as [{ port: number }];
backend.send({ frames: 12, frameBytes: 240, paceMs: 0, burst: 4, prefillMs: 0 });
await once(backend, "message");
const client = fork(path.join(import.meta.dirname, "client.ts"), { stdio: "inherit" });
await once(client, "message");
const collector = createServer((request, response) => request.resume().on("end", () => response.end("{}"))).listen(0, "127.0.0.1");
await once(collector, "listening");
const collectorAddress = collector.address();

const port = await freePort();
const sidecar = fork(
  path.join(import.meta.dirname, "../src/cli/main.ts"),
  [
    "run",
    `--config=${path.join(scratch, "quiet.yaml")}`,
    `--port=${port}`,
    `--backend=http://127.0.0.1:${backendPort}`,
    `--db=${path.join(scratch, "leak.db")}`,
    `--otlp=http://127.0.0.1:${typeof collectorAddress === "object" ? collectorAddress?.port : 0}`,
    ...options.flags.split(" "),
  ],
  { execArgv: ["--expose-gc", "--import", path.join(import.meta.dirname, "heap-probe.ts")], stdio: ["ignore", "ignore", "pipe", "ipc"] },
);
sidecar.stderr?.once("data", () => sidecar.stderr?.resume());
if (sidecar.stderr) await once(sidecar.stderr, "data");
await sleep(2000);

async function ask(job: Partial<Job>): Promise<Seen> {
  const whole: Job = {
    port,
    method: "POST",
    path: "/v1/chat/completions",
    headers: [],
    connections: CONNECTIONS,
    requests: 1,
    requestBytes: 1024,
    stream: true,
    rampMs: 0,
    expected: undefined,
    frames: 12,
    timeoutMs: 30_000,
    ...job,
  };
  client.send(whole);
  const [seen] = (await once(client, "message")) as [Seen];
  if (seen.complete !== seen.replies) throw new Error(`not complete: ${seen.problems.join(", ")}`);
  return seen;
}

const body = Buffer.from(requestBody(1024, true));

/** A client that leaves at the first byte it gets. */
async function leave(): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(`POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`);
  socket.write(body);
  socket.once("data", () => socket.destroy());
  await once(socket, "close");
}

/** About `count` exchanges: half streams, a third short replies, the rest clients that leave. */
async function exchanges(count: number): Promise<void> {
  const of = (share: number) => Math.max(1, Math.round((count * share) / CONNECTIONS));
  await ask({ requests: of(0.5) });
  await ask({ requests: of(0.35), stream: false });
  for (let left = Math.round(count * 0.15); left > 0; left -= CONNECTIONS) {
    await Promise.all(Array.from({ length: Math.min(CONNECTIONS, left) }, leave));
  }
}

function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(2);
}

async function heap(): Promise<Heap> {
  // What waits in batches (recorder, spans) is written first.
  await sleep(6000);
  sidecar.send("heap");
  const [answer] = (await once(sidecar, "message")) as [Heap];
  return answer;
}

const total = Number(options.exchanges);
await exchanges(Math.min(5000, total));
const points: Heap[] = [await heap()];
for (let i = 0; i < POINTS; i++) {
  await exchanges(total / POINTS);
  const now = await heap();
  points.push(now);
  console.log(
    `${Math.round((total / POINTS) * (i + 1))} exchanges: heap ${mb(now.heapUsed)} MB, buffers ${mb(now.arrayBuffers)} MB, RSS ${mb(now.rss)} MB`,
  );
}
const kept = points.map(({ heapUsed, arrayBuffers }) => heapUsed + arrayBuffers);
const mean = kept.reduce((sum, value) => sum + value, 0) / kept.length;
const middle = POINTS / 2;
const over = kept.reduce((sum, _value, i) => sum + (i - middle) ** 2, 0);
const slope = kept.reduce((sum, value, i) => sum + (i - middle) * (value - mean), 0) / over / (total / POINTS);
const growth = (kept.at(-1) ?? 0) - (kept[0] ?? 0);
const leaks = slope > BYTES_PER_EXCHANGE && growth > GROWTH;
console.log(`${slope.toFixed(1)} B per exchange, ${(growth / 1e6).toFixed(2)} MB from first to last: ${leaks ? "LEAKS" : "level"}`);
sidecar.kill("SIGTERM");
await once(sidecar, "exit");
for (const child of [backend, client]) child.disconnect();
rmSync(scratch, { recursive: true, force: true });
process.exit(leaks ? 1 : 0);
