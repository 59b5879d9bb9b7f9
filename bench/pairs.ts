/**
 * Two or more ways of running the product, each measurement in a fresh process, by turns: what one of them costs
 * over another. Two processes of the same code differ for as long as they live (where their memory and machine code
 * come to lie), so many short-lived ones say more than many rounds of the same two.
 *
 *   node bench/pairs.ts --scenario streams-100 --variant "off --record off" --variant "on --record on" [--rounds 5] [--times 3]
 *
 * A variant is a name and words: flags of `run`, `otlp` (telemetry to a collector here), `build=/path` (another tree with
 * `dist/`), `node=--flag` (a flag of Node's). The first is what the others are held against, in the same round.
 */
import { once } from "node:events";
import { rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Seen } from "./client.ts";
import { freePort, ours, placeOf, start } from "./contestants.ts";
import { asked, helper, jobFor, startCollector, WARM_UPS } from "./harness.ts";
import { cpuOfMainThread, cpuOfTree, signalTree, usageOf } from "./processes.ts";
import { SCENARIOS } from "./scenarios.ts";

const { values: options } = parseArgs({
  options: {
    scenario: { type: "string", default: "streams-100" },
    variant: { type: "string", multiple: true, default: [] },
    rounds: { type: "string", default: "5" },
    /** Times the scenario is played to each process. */
    times: { type: "string", default: "2" },
  },
});
/** Work that is put off (batches, exports) is still counted within this. */
const SETTLE_MS = 900;
const root = path.resolve(import.meta.dirname, "..");
const scenario = SCENARIOS.find(({ name }) => name === options.scenario);
if (!scenario) throw new Error(`no scenario ${options.scenario}: one of ${SCENARIOS.map(({ name }) => name).join(", ")}`);
if (options.variant.length === 0) throw new Error('nothing to measure: --variant "on --record on"');

const { child: backend, first } = await helper("backend.ts");
const { child: client } = await helper("client.ts");
const collector = await startCollector();
const place = placeOf(root, (first as { port: number }).port, collector.port, false);

interface Told {
  /** Microseconds of CPU of all threads. */
  readonly usPerFrame: number;
  /** Of the thread that serves. */
  readonly usOfMain: number;
  readonly usPerReply: number;
  readonly firstP50: number;
  readonly firstP99: number;
  readonly gapP99: number;
  readonly rssMb: number;
}
const COLUMNS = [
  "usPerFrame",
  "usOfMain",
  "usPerReply",
  "firstP50",
  "firstP99",
  "gapP99",
  "rssMb",
] as const satisfies readonly (keyof Told)[];

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

async function measure(port: number, pid: number): Promise<Told> {
  const running = { port, contestant: { name: "", command: [] } };
  for (const warmUp of WARM_UPS) {
    await asked(backend, warmUp.script);
    await asked<Seen>(client, jobFor(warmUp, running));
  }
  await sleep(SETTLE_MS);
  const told: Told[] = [];
  for (let time = 0; time < Number(options.times); time++) {
    await asked(backend, scenario!.script);
    const before = pid === 0 ? 0 : cpuOfTree(pid);
    const mainBefore = cpuOfMainThread(pid);
    const seen = await asked<Seen>(client, jobFor(scenario!, running));
    if (seen.complete !== seen.replies) console.error(`${seen.complete}/${seen.replies} complete: ${seen.problems.join("; ")}`);
    await sleep(SETTLE_MS);
    const us = pid === 0 ? 0 : (cpuOfTree(pid) - before) * 1e6;
    told.push({
      usOfMain: ((cpuOfMainThread(pid) - mainBefore) * 1e6) / seen.frames,
      usPerFrame: us / seen.frames,
      usPerReply: us / seen.replies,
      firstP50: seen.firstByteMs.p50,
      firstP99: seen.firstByteMs.p99,
      gapP99: seen.gapMs.p99,
      rssMb: pid === 0 ? 0 : usageOf(pid).rss / 1e6,
    });
  }
  return Object.fromEntries(COLUMNS.map((column) => [column, mean(told.map((one) => one[column]))])) as unknown as Told;
}

/** A fresh process, or with the word `direct` the backend itself. */
async function run(variant: string, round: number): Promise<Told> {
  const [name = "", ...words] = variant.split(/\s+/);
  if (words.includes("direct")) return measure(place.backend, 0);
  const port = await freePort();
  const build = words.find((word) => word.startsWith("build="))?.slice(6) ?? root;
  const nodeFlags = words.filter((word) => word.startsWith("node=")).map((word) => word.slice(5));
  const flags = words.filter((word) => word !== "otlp" && !/^(build|node)=/.test(word));
  const running = start({ contestant: ours(place, `${name}-${round}`, build, port, flags, words.includes("otlp"), nodeFlags), port });
  try {
    for (let tries = 0; tries < 100; tries++) {
      const up = await fetch(`http://127.0.0.1:${port}/_llama-proxy/status`).catch(() => undefined);
      if (up?.ok) return await measure(port, running.pid);
      await sleep(100);
    }
    throw new Error(`${name} does not answer: ${running.output()}`);
  } finally {
    signalTree(running.pid, "SIGTERM");
    await Promise.race([running.child ? once(running.child, "exit") : undefined, sleep(5000)]);
  }
}

const all = new Map<string, Told[]>(options.variant.map((variant) => [variant, []]));
try {
  for (let round = 0; round < Number(options.rounds); round++) {
    const turn = round % options.variant.length;
    for (const variant of [...options.variant.slice(turn), ...options.variant.slice(0, turn)])
      all.get(variant)?.push(await run(variant, round));
    console.error(
      options.variant
        .map(
          (variant) =>
            `${variant.split(" ")[0]} ${all.get(variant)?.[round]?.usPerFrame.toFixed(1)}/${all.get(variant)?.[round]?.firstP50.toFixed(2)}/${all.get(variant)?.[round]?.firstP99.toFixed(2)}`,
        )
        .join("  "),
    );
  }
} finally {
  backend.disconnect();
  client.disconnect();
  collector.close();
  rmSync(place.scratch, { recursive: true, force: true });
}

console.log(`${scenario.what}; medians of ${options.rounds} fresh processes each; in brackets the median of the ratios within a round`);
const base = all.get(options.variant[0] ?? "") ?? [];
for (const [variant, told] of all) {
  const cells = COLUMNS.map((column) => {
    const ratio = median(told.map((one, round) => one[column] / (base[round]?.[column] ?? NaN)));
    return `${column} ${median(told.map((one) => one[column])).toFixed(2)} (${ratio.toFixed(2)})`;
  });
  console.log(`${(variant.split(" ")[0] ?? "").padEnd(16)} ${cells.join("  ")}`);
}
process.exit(0);
