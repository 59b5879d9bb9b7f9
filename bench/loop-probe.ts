/** Loaded into the sidecar with `--import` for `--loop`: on SIGUSR2 tells how late its event loop was since the last time, in milliseconds. */
import { monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 2;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();
function late(ns: number): number {
  return Math.max(0, ns / 1e6 - RESOLUTION_MS);
}

process.on("SIGUSR2", () => {
  const told = { p50: late(delay.percentile(50)), p99: late(delay.percentile(99)), max: late(delay.max) };
  process.stderr.write(`loop ${JSON.stringify(told)}\n`);
  delay.reset();
});
