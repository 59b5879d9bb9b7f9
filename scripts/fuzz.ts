/**
 * A long run of test/fuzz: `node scripts/fuzz.ts [--inputs 1000000] [--target WORD] [--seed N]`.
 *
 * An input that breaks a promise is made small and put into the corpus, where each test run tries it;
 * so is the first input to reach something new. Exit code 1 when anything broke.
 */
import { parseArgs } from "node:util";
import fc from "fast-check";
import { readCorpus, writeCorpus } from "../test/fuzz/corpus.ts";
import { openTargets, type Target } from "../test/fuzz/targets.ts";

const { values } = parseArgs({
  options: { inputs: { type: "string", default: "1000000" }, target: { type: "string" }, seed: { type: "string" } },
});
/** Inputs kept for what they reach, per target, and the longest of them: the corpus is read in every test run. */
const MAX_KEPT = 40;
const MAX_LENGTH = 2_000;
const seed = Number(values.seed ?? Date.now() % 2 ** 31);

function fuzz(target: Target, runs: number): boolean {
  const corpus = readCorpus(target.name);
  const before = corpus.length;
  const reached = new Set<string>();
  for (const input of corpus) {
    try {
      reached.add(target.check(input));
    } catch {
      // Known to break: the test of it is red until it is mended.
    }
  }
  const result = fc.check(
    fc.property(target.inputs, (input) => {
      const what = target.check(input);
      if (reached.has(what) || input.length > MAX_LENGTH || corpus.length >= MAX_KEPT) return;
      reached.add(what);
      corpus.push(input);
    }),
    { numRuns: runs, seed, endOnFailure: false, interruptAfterTimeLimit: 600_000 },
  );
  if (result.failed && result.counterexample) corpus.push(result.counterexample[0]);
  if (corpus.length > before) writeCorpus(target.name, corpus);
  const verdict = result.failed ? `BROKEN by ${JSON.stringify(result.counterexample?.[0])}: ${String(result.errorInstance)}` : "ok";
  process.stdout.write(`${target.name}: ${result.numRuns} inputs, ${reached.size} things reached, corpus ${corpus.length}, ${verdict}\n`);
  return !result.failed;
}

const { targets, dispose } = await openTargets();
const chosen = targets.filter(({ name }) => name.includes(values.target ?? ""));
const share = Number(values.inputs) / chosen.reduce((sum, { weight }) => sum + weight, 0);
process.stdout.write(`seed ${seed}\n`);
const held = chosen.map((target) => fuzz(target, Math.ceil(share * target.weight)));
dispose();
process.exit(held.every(Boolean) ? 0 : 1);
