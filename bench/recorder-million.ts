/**
 * Questions and inserts on a file of a million exchanges (scripts/make-million.ts).
 *
 * Questions: each in a process of its own, start-up included, five times; the median counts.
 * Inserts: blocks of 2,000 by turns into the big file and into one that is begun new for each block
 * (warmed up first), CPU time of the writing alone; the median of the paired ratios counts. The
 * big file is a few thousand exchanges bigger afterwards.
 *
 * node bench/recorder-million.ts FILE
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKeeper } from "../src/recorder/keeper.ts";
import { openReader } from "../src/recorder/reader.ts";
import { manyExchanges } from "./recorder-many.ts";

const [path = ""] = process.argv.slice(2);
const BLOCK = 2000;
const ROUNDS = 7;
const READER = new URL("../src/recorder/reader.ts", import.meta.url).href;

const QUESTIONS: Readonly<Record<string, string>> = {
  ls: "r.list()",
  "ls --errors": "r.list({ errors: true })",
  "ls --model": "r.list({ model: 'gemma-3-27b' })",
  "show last": "r.get(r.resolve('last').id)",
  "stats --since 1h": "r.stats({ since: Date.now() - 3600e3 })",
  "stats --since 30d --by model": "r.stats({ since: Date.now() - 31 * 86400e3, by: 'model' })",
  "stats --since 30d --by hour": "r.stats({ since: Date.now() - 31 * 86400e3, by: 'hour' })",
  sessions: "r.sessions()",
};

function ask(question: string): number {
  const script = `const { openReader } = await import(${JSON.stringify(READER)}); const r = openReader(process.argv[1]); const a = ${question}; if (!a) throw new Error("no answer"); console.log(JSON.stringify(a).length)`;
  const from = performance.now();
  const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script, path], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return performance.now() - from;
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const round = (value: number) => Math.round(value * 100) / 100;

{
  using reader = openReader(path);
  console.log(JSON.stringify({ exchanges: reader.query("SELECT count(*) FROM exchange").rows[0]?.[0], bytes: statSync(path).size }));
}
console.log(JSON.stringify({ "node alone": Math.round(median(Array.from({ length: 5 }, () => ask("({})")))) }));
for (const [name, question] of Object.entries(QUESTIONS)) {
  console.log(JSON.stringify({ [name]: Math.round(median(Array.from({ length: 5 }, () => ask(question)))) }));
}

/** Milliseconds of CPU for one block into the file. */
function insert(file: string, name: string, first: number): number {
  const now = Date.now();
  const keeper = createKeeper(
    { path: file, onlyErrors: false, rules: [], maxBytes: 1e15, maxAgeMs: 1e15 },
    () => undefined,
    () => now,
  );
  const { queue, tell } = manyExchanges(name, () => now);
  let spent = 0;
  for (let x = 0; x < BLOCK * 2; x++) {
    tell(first + x, now + x);
    if (x % 20 !== 19) continue;
    const batch = queue.take();
    const from = process.cpuUsage();
    if (batch) keeper.batch(batch);
    const used = process.cpuUsage(from);
    // The first half fills the caches.
    if (x >= BLOCK) spent += (used.user + used.system) / 1000;
  }
  keeper.close();
  return spent;
}

const folder = mkdtempSync(join(tmpdir(), "llama-proxy-bench-"));
const pairs: { small: number; big: number }[] = [];
const run = Date.now().toString(36);
insert(join(folder, "warm.db"), "w", 0);
for (let n = 0; n < ROUNDS; n++) {
  const small = insert(join(folder, `${n}.db`), `s${n}`, 0);
  const big = insert(path, `b${run}${n}`, 0);
  pairs.push({ small, big });
}
rmSync(folder, { recursive: true });
console.log(
  JSON.stringify({
    "us CPU per insert, new file": round((median(pairs.map((pair) => pair.small)) / BLOCK) * 1000),
    "us CPU per insert, big file": round((median(pairs.map((pair) => pair.big)) / BLOCK) * 1000),
    ratio: round(median(pairs.map((pair) => pair.big / pair.small))),
  }),
);
