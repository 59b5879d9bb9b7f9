/**
 * The benchmark: paced streams through every contestant, round after round. See bench/README.md.
 *
 *   npm run bench -- [--quick] [--rounds 5] [--slow-rounds 2] [--scenarios a,b] [--contestants a,b]
 *                    [--build name=directory …] [--out bench/results/name.json] [--loop]
 */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Seen } from "./client.ts";
import { contestantsOf, placeOf, start, type Running } from "./contestants.ts";
import { asked, helper, jobFor, startCollector, WARM_UPS } from "./harness.ts";
import { cpuOfTree, signalTree, usageOf, type Usage } from "./processes.ts";
import { tableOf, type LoopDelay, type Measure, type Results } from "./report.ts";
import { quickly, SCENARIOS, type Scenario } from "./scenarios.ts";

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    "slow-rounds": { type: "string", default: "2" },
    scenarios: { type: "string" },
    contestants: { type: "string" },
    build: { type: "string", multiple: true },
    out: { type: "string" },
    loop: { type: "boolean", default: false },
  },
});

const ROOT = path.resolve(import.meta.dirname, "..");
/** Work a contestant puts off (batches, exports) is still counted within this. */
const SETTLE_MS = 700;

const started: Running[] = [];
const { child: backend, first } = await helper("backend.ts");
const { child: client } = await helper("client.ts");
const collector = await startCollector();
const place = placeOf(ROOT, (first as { port: number }).port, collector.port, options.loop);

const builds = new Map((options.build ?? []).map((named) => named.split("=", 2) as [string, string]));
if (builds.size === 0) builds.set("", ROOT);

async function ready(running: Running): Promise<boolean> {
  for (let tries = 0; tries < 240; tries++) {
    const scenario = quickly({ ...(SCENARIOS[0] as Scenario), streams: 1 });
    await asked(backend, scenario.script);
    const seen = await asked<Seen>(client, { ...jobFor(scenario, running), timeoutMs: 5000 });
    if (seen.complete === 1) return true;
    if (tries === 239) console.error(`${running.contestant.name} does not answer: ${seen.problems.join(", ")}\n${running.output()}`);
    if (running.child?.exitCode != null) return false;
    await sleep(250);
  }
  return false;
}

/** How late its event loop was since the last time this was asked, where a probe is loaded into it. */
async function loopDelay({ contestant, pid, output }: Running): Promise<LoopDelay | undefined> {
  if (!contestant.command.some((part) => part.endsWith("loop-probe.ts"))) return undefined;
  process.kill(pid, "SIGUSR2");
  await sleep(100);
  const told = output()
    .split("\n")
    .findLast((line) => line.startsWith("loop "));
  return told === undefined ? undefined : (JSON.parse(told.slice(5)) as LoopDelay);
}

async function measure(scenario: Scenario, running: Running): Promise<Measure> {
  await asked(backend, scenario.script);
  const { pid } = running;
  // What it missed while it was stopped is not its own delay.
  await loopDelay(running);
  let peak: Usage = { cpu: 0, rss: 0, pss: 0 };
  const before = pid ? cpuOfTree(pid) : 0;
  const begun = performance.now();
  // Memory is looked at while all streams are open, a few times: looking costs the one who is looked at.
  const length = scenario.script.prefillMs + scenario.script.frames * scenario.script.paceMs;
  const look = setInterval(
    () => {
      if (!pid) return;
      const now = usageOf(pid);
      if (now.rss > peak.rss) peak = now;
    },
    Math.max(400, length / 3),
  );
  const seen = await asked<Seen>(client, jobFor(scenario, running));
  clearInterval(look);
  if (pid && peak.rss === 0) peak = usageOf(pid);
  const seconds = (performance.now() - begun) / 1000;
  const loopMs = await loopDelay(running);
  await sleep(SETTLE_MS);
  const cpu = pid ? cpuOfTree(pid) - before : 0;
  const { name } = running.contestant;
  return { scenario: scenario.name, contestant: name, round: 0, seconds, cpu, peak, load: loadavg()[0] ?? 0, seen, loopMs };
}

const chosen = SCENARIOS.filter(({ name }) => !options.scenarios || options.scenarios.split(",").includes(name)).map((one) =>
  options.quick ? quickly(one) : one,
);
const wanted = (name: string) =>
  !options.contestants || options.contestants.split(",").some((part) => name === part || name.startsWith(`${part}@`));
const rounds = options.quick ? 1 : Number(options.rounds);
const measures: Measure[] = [];
const idle: Record<string, Usage> = {};
const recordings: Record<string, number> = {};

function stopAll(): void {
  for (const { pid } of started) if (pid) signalTree(pid, "SIGKILL");
  rmSync(place.scratch, { recursive: true, force: true });
}
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    stopAll();
    process.exit(1);
  });
}

try {
  for (const entry of (await contestantsOf(place, builds)).filter(({ contestant }) => wanted(contestant.name))) {
    const running = start(entry);
    started.push(running);
    if (await ready(running)) continue;
    console.error(`${entry.contestant.name}: left out, it does not answer`);
    started.pop();
    if (running.pid) signalTree(running.pid, "SIGKILL");
  }
  // Idle memory: telemetry is loaded behind the first request, caches have had time to fill or empty.
  await sleep(options.quick ? 500 : 4000);
  for (const { contestant, pid } of started) if (pid) idle[contestant.name] = usageOf(pid);
  for (const running of started) {
    if (!options.quick) for (const warmUp of WARM_UPS) await measure(warmUp, running);
    if (running.pid) signalTree(running.pid, "SIGSTOP");
  }
  for (let round = 1; round <= rounds; round++) {
    for (const scenario of chosen) {
      // A B C, then C B A: what drifts over a round hits both ends alike.
      const order = round % 2 === 1 ? started : started.toReversed();
      for (const running of order) {
        if (running.contestant.slow && round > Number(options["slow-rounds"])) continue;
        if (scenario.only && !scenario.only.includes(running.contestant.name)) continue;
        if (running.pid) signalTree(running.pid, "SIGCONT");
        // What its timers missed while it was stopped happens before the clock runs.
        await sleep(150);
        const taken = { ...(await measure(scenario, running)), round };
        if (running.pid) signalTree(running.pid, "SIGSTOP");
        measures.push(taken);
        const perFrame = (taken.cpu / Math.max(1, taken.seen.frames)) * 1e6;
        console.error(
          `${round}/${rounds} ${scenario.name.padEnd(13)} ${running.contestant.name.padEnd(22)} ${perFrame.toFixed(1).padStart(8)} us/frame ` +
            `${taken.seen.complete}/${taken.seen.replies} complete, first ${taken.seen.firstByteMs.p50.toFixed(2)} ms ${taken.seen.problems.slice(0, 2).join("; ")}`,
        );
      }
    }
  }
  for (const { contestant } of started) {
    const file = statSync(path.join(place.scratch, `${contestant.name}.db`), { throwIfNoEntry: false });
    if (file) recordings[contestant.name] = file.size;
  }
} finally {
  stopAll();
  backend.disconnect();
  client.disconnect();
  collector.close();
}

const results: Results = {
  taken: new Date().toISOString(),
  machine: { cpus: cpus().length, model: cpus()[0]?.model ?? "", kernel: release(), node: process.version },
  scenarios: chosen,
  rounds,
  idle,
  measures,
  recordings,
};
const out = options.out ?? path.join(ROOT, "bench/results", `${results.taken.slice(0, 16).replaceAll(":", "")}.json`);
mkdirSync(path.dirname(out), { recursive: true });
writeFileSync(out, `${JSON.stringify(results)}\n`);
console.log(tableOf(JSON.parse(readFileSync(out, "utf8")) as Results));
console.log(`raw: ${path.relative(process.cwd(), out)}`);
process.exit(0);
