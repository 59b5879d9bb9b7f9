/**
 * `npm run corpus -- FILE`: every case of a corpus through the running sidecar, over HTTP, streamed
 * and whole, at every chunking; prints the table by family. Exit 1 when something is missed.
 *
 *   --misses      also each miss, with its reason
 *   --random N    random cuttings a case (20)
 *   --json FILE   the results as JSON
 */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { kindOf, readCases } from "./corpus/case.ts";
import { runCorpus } from "./corpus/run.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { misses: { type: "boolean" }, random: { type: "string", default: "20" }, json: { type: "string" } },
});
const [file] = positionals;
if (file === undefined) {
  console.error("usage: npm run corpus -- FILE.jsonl [--misses] [--random N] [--json OUT]");
  process.exit(2);
}

const { results, exchanges } = await runCorpus(readCases(file), Number(values.random));
const tally = new Map<string, { good: number; all: number }>();
const families = new Map<string, { good: number; all: number }>();
function count(table: typeof tally, key: string, good: boolean): void {
  const row = table.get(key) ?? { good: 0, all: 0 };
  table.set(key, { good: row.good + (good ? 1 : 0), all: row.all + 1 });
}
for (const { case: of, misses } of results) {
  const kind = of.policy ? "opt-in" : kindOf(of);
  count(tally, kind, misses.length === 0);
  count(families, `${of.family} (${kind})`, misses.length === 0);
  if (values.misses)
    for (const { how, why } of misses.slice(0, 3)) console.log(`${kind.padEnd(9)} ${of.id.padEnd(18)} ${how.padEnd(12)} ${why}`);
}
for (const [family, { good, all }] of [...families].sort(([a], [b]) => a.localeCompare(b)))
  console.log(`  ${family.padEnd(44)} ${String(good).padStart(3)}/${all}`);
for (const [kind, { good, all }] of tally)
  console.log(`${kind.padEnd(10)} ${String(good).padStart(4)}/${String(all).padEnd(4)} ${((100 * good) / all).toFixed(1)} %`);
console.log(`${exchanges} exchanges over HTTP`);
if (values.json)
  await writeFile(
    values.json,
    JSON.stringify(
      results.map(({ case: of, misses }) => ({ id: of.id, family: of.family, kind: kindOf(of), misses })),
      null,
      2,
    ),
  );
process.exitCode = results.some(({ case: of, misses }) => !of.policy && !of.ambiguous && misses.length > 0) ? 1 : 0;
