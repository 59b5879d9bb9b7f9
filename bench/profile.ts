/**
 * Where the time goes: runs one scenario through the sidecar under `--cpu-prof`, in this process's own
 * children, and prints self times by function and by file.
 *
 *   node bench/profile.ts [--build directory] [--scenario streams-100] [--flags "--fixes all --record off"] [--otlp]
 */
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Job, Seen } from "./client.ts";
import { freePort } from "./contestants.ts";
import { SCENARIOS } from "./scenarios.ts";

const { values: options } = parseArgs({
  options: {
    build: { type: "string", default: path.resolve(import.meta.dirname, "..") },
    scenario: { type: "string", default: "streams-100" },
    flags: { type: "string", default: "--fixes all --record off" },
    otlp: { type: "boolean", default: false },
    top: { type: "string", default: "45" },
  },
});

interface Profile {
  readonly nodes: readonly { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const scenario = SCENARIOS.find(({ name }) => name === options.scenario);
if (!scenario) throw new Error(`no scenario ${options.scenario}`);
const scratch = mkdtempSync(path.join(tmpdir(), "llama-proxy-profile-"));
mkdirSync(path.join(scratch, "prof"));
writeFileSync(path.join(scratch, "quiet.yaml"), "stats: {enabled: false}\n");
const backend = fork(path.join(import.meta.dirname, "backend.ts"), { stdio: "inherit" });
const [{ port: backendPort }] = (await once(backend, "message")) as [{ port: number }];
const client = fork(path.join(import.meta.dirname, "client.ts"), { stdio: "inherit" });
await once(client, "message");
const collector = createServer((request, response) => request.resume().on("end", () => response.end("{}"))).listen(0, "127.0.0.1");
await once(collector, "listening");
const collectorAddress = collector.address();
const otlp = options.otlp && typeof collectorAddress === "object" ? [`--otlp=http://127.0.0.1:${collectorAddress?.port}`] : [];

const port = await freePort();
const child = spawn(
  process.execPath,
  [
    "--cpu-prof",
    `--cpu-prof-dir=${path.join(scratch, "prof")}`,
    "--cpu-prof-interval=200",
    path.join(options.build, "dist/cli/main.js"),
    "run",
    `--config=${path.join(scratch, "quiet.yaml")}`,
    `--port=${port}`,
    `--backend=http://127.0.0.1:${backendPort}`,
    `--db=${path.join(scratch, "p.db")}`,
    ...options.flags.split(" "),
    ...otlp,
  ],
  { stdio: ["ignore", "ignore", "pipe"] },
);
// It says where it listens once it does; telemetry is loaded behind that.
await once(child.stderr, "data");
child.stderr.resume();
await sleep(2000);
backend.send(scenario.script);
await once(backend, "message");
const job: Job = {
  port,
  method: "POST",
  path: "/v1/chat/completions",
  headers: [],
  connections: scenario.streams,
  requests: scenario.requests,
  requestBytes: scenario.requestBytes,
  stream: scenario.stream,
  rampMs: 300,
  expected: undefined,
  frames: scenario.script.frames,
  timeoutMs: 60_000,
};
let seen: Seen | undefined;
for (let i = 0; i < 2; i++) {
  client.send(job);
  [seen] = (await once(client, "message")) as [Seen];
}
// Which threads: the one that serves, the recorder's, V8's collectors and compilers.
for (const task of readdirSync(`/proc/${child.pid}/task`)) {
  const name = readFileSync(`/proc/${child.pid}/task/${task}/comm`, "utf8").trim();
  const ms = Number(readFileSync(`/proc/${child.pid}/task/${task}/schedstat`, "utf8").split(" ")[0]) / 1e6;
  if (ms > 20) console.log(`${ms.toFixed(0).padStart(7)} ms  ${name}`);
}
child.kill("SIGTERM");
await once(child, "exit");
backend.disconnect();
client.disconnect();
collector.close();

for (const file of readdirSync(path.join(scratch, "prof"))) {
  const profile = JSON.parse(readFileSync(path.join(scratch, "prof", file), "utf8")) as Profile;
  const self = new Map<number, number>();
  profile.samples.forEach((id, i) => self.set(id, (self.get(id) ?? 0) + (profile.timeDeltas[i] ?? 0)));
  const byFunction = new Map<string, number>();
  const byFile = new Map<string, number>();
  let busy = 0;
  for (const { id, callFrame } of profile.nodes) {
    if (callFrame.functionName === "(idle)") continue;
    const time = self.get(id) ?? 0;
    busy += time;
    const where = callFrame.url.replace(/^.*\/(dist|node_modules)\//, "");
    const name = `${callFrame.functionName || "(anonymous)"} ${where}:${callFrame.lineNumber + 1}`;
    byFunction.set(name, (byFunction.get(name) ?? 0) + time);
    byFile.set(where, (byFile.get(where) ?? 0) + time);
  }
  if (busy < 500_000) continue;
  console.log(
    `\n${file}: ${(busy / 1e6).toFixed(2)} s busy, ${(busy / Math.max(1, (seen?.frames ?? 1) * 2)).toFixed(1)} us per frame, startup included`,
  );
  for (const table of [byFile, byFunction]) {
    const rows = [...table].toSorted((a, b) => b[1] - a[1]).slice(0, Number(options.top));
    console.log(rows.map(([name, time]) => `${((time / busy) * 100).toFixed(1).padStart(6)} %  ${name}`).join("\n"), "\n");
  }
}
console.log(`profiles: ${path.join(scratch, "prof")}`);
process.exit(0);
