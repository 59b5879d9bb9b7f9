/**
 * A body of a gigabyte through a route that is passed through, and before it one of a quarter: memory must
 * not follow the length. The reader is slower than the backend for the first half second, so that what is not held back would pile up.
 *
 *   node bench/big.ts [--bytes 1073741824] [--build directory]
 */
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { freePort } from "./contestants.ts";
import { cpuOfTree, usageOf } from "./processes.ts";

const { values: options } = parseArgs({
  options: {
    bytes: { type: "string", default: String(1 << 30) },
    build: { type: "string", default: path.resolve(import.meta.dirname, "..") },
  },
});
/** Buffers that wait for the collector; the same however long the body. */
const MAX_GROWTH = 32e6;

const scratch = mkdtempSync(path.join(tmpdir(), "llama-proxy-big-"));
writeFileSync(path.join(scratch, "quiet.yaml"), "stats: {enabled: false}\n");
const backend = fork(path.join(import.meta.dirname, "backend.ts"), { stdio: "inherit" });
const [{ port: backendPort }] = (await once(backend, "message")) as [{ port: number }];
const port = await freePort();
const flags = [
  `--config=${path.join(scratch, "quiet.yaml")}`,
  `--port=${port}`,
  `--backend=http://127.0.0.1:${backendPort}`,
  `--db=${path.join(scratch, "big.db")}`,
];
const sidecar = spawn(process.execPath, [path.join(options.build, "dist/cli/main.js"), "run", ...flags], {
  stdio: ["ignore", "ignore", "pipe"],
});
await once(sidecar.stderr, "data");
sidecar.stderr.resume();
await sleep(1000);

const pid = sidecar.pid ?? 0;
const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;

/** The highest RSS while `bytes` go through; 0 when not all of them arrive. */
async function peakOf(bytes: number): Promise<number> {
  const cpu = cpuOfTree(pid);
  const begun = performance.now();
  let peak = 0;
  let read = 0;
  const look = setInterval(() => (peak = Math.max(peak, usageOf(pid).rss)), 50);
  const socket = connect(port, "127.0.0.1");
  socket.write(`GET /blob/${bytes} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n`);
  socket.once("data", () => {
    socket.pause();
    setTimeout(() => socket.resume(), 500);
  });
  socket.on("data", (chunk: Buffer) => (read += chunk.length));
  await once(socket, "end");
  clearInterval(look);
  const seconds = (performance.now() - begun) / 1000;
  console.log(`${mb(read)} in ${seconds.toFixed(1)} s, ${(cpuOfTree(pid) - cpu).toFixed(2)} s of CPU, RSS ${mb(peak)} at most`);
  return read > bytes ? peak : 0;
}

console.log(`RSS ${mb(usageOf(pid).rss)} idle`);
const bytes = Number(options.bytes);
const quarter = await peakOf(bytes / 4);
const whole = await peakOf(bytes);
const constant = quarter > 0 && whole > 0 && whole - quarter <= MAX_GROWTH;
console.log(constant ? "constant" : "GROWS, or was cut");
sidecar.kill("SIGTERM");
await once(sidecar, "exit");
backend.disconnect();
rmSync(scratch, { recursive: true, force: true });
process.exit(constant ? 0 : 1);
