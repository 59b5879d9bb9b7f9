/**
 * The whole path with the real programs: recorded llama-server → sidecar → Collector (built from
 * docker/collector/builder.yaml, started with otel-collector.yaml) → Prometheus, InfluxDB, and a second
 * Collector where Tempo stands. Then the backends are asked what the dashboards and the documents ask.
 *
 * Skips, with the reason, where Go or Debian's packages are missing. Ends with `N passed, N failed`.
 * Work folder and pictures of the panels: .cache/e2e.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startRecordedLlama } from "../src/demo/recorded-llama.ts";
import { loadRecordings } from "../src/demo/recorded.ts";
import { draw } from "./e2e/chart.ts";
import { checkAlerts, checkInflux, checkPanels, checkPull, checkTraces } from "./e2e/checks.ts";
import { buildProgram, missingPrograms, providePrograms } from "./e2e/programs.ts";
import { startStack } from "./e2e/stack.ts";
import { drive, repeatable } from "./e2e/traffic.ts";
import { createVerdict } from "./e2e/verdict.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FOLDER = join(ROOT, ".cache", "e2e");
/** Ten times as fast as recorded, eight times over: half a minute in which rates rise. */
const SPEED = 10;
const ROUNDS = 8;
const PAUSE_MS = 2000;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const missing = missingPrograms();
  if (missing.length > 0) {
    say(`skipped: the end-to-end test needs ${missing.join(", ")}`);
    return 0;
  }
  buildProgram(ROOT);
  const programs = await providePrograms(ROOT, say);
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });

  const recordings = loadRecordings(new URL("../test/streams/recordings/", import.meta.url));
  const verdict = createVerdict(say);
  await using llama = await startRecordedLlama([...recordings.values()].flat(), { speed: SPEED });
  await using stack = await startStack(ROOT, FOLDER, programs, llama.url);
  const traffic = await drive(stack.sidecar, repeatable(recordings), ROUNDS, PAUSE_MS);
  say(`${traffic.requests} requests in ${Math.round(traffic.until - traffic.from)} s, ${traffic.aborted} of them left early`);
  // The poll of /slots and one export of its gauges, then the pull endpoint while it is there.
  await sleep(2500);
  const pulled = await (await fetch(`${stack.sidecar}/_llama-proxy/metrics`)).text();
  const code = await stack.stopSidecar();
  await sleep(2500);

  verdict.heading("The sidecar");
  verdict.check("ends with 0 at SIGTERM", code === 0, `code ${code}`);
  verdict.check("the recorded llama-server knew every request", llama.unmatched.length === 0, [...new Set(llama.unmatched)].join(", "));
  const answered = await checkPanels(verdict, ROOT, stack, traffic);
  await checkAlerts(verdict, ROOT, stack, programs);
  await checkPull(verdict, ROOT, stack, programs, pulled);
  await checkInflux(verdict, ROOT, stack);
  await checkTraces(verdict, ROOT, stack, traffic);

  writeFileSync(join(FOLDER, "panels.svg"), draw(answered));
  say(`\nthe panels, drawn: ${join(FOLDER, "panels.svg")}; logs: ${FOLDER}`);
  say(`\n${verdict.passed} passed, ${verdict.failed} failed`);
  return verdict.failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (cause) {
  say(`the end-to-end test could not run: ${cause instanceof Error ? cause.message : String(cause)}\n\n0 passed, 1 failed`);
  process.exitCode = 1;
}
