import { expect, test } from "vitest";
import { kindOf, readCases } from "../../scripts/corpus/case.ts";
import { runCorpus } from "../../scripts/corpus/run.ts";

/** The project's own cases, at least three per family, over HTTP: whole, one character at a time and at random cuts. */
const CASES = new URL("../streams/cases.jsonl", import.meta.url).pathname;

test("every case of our own is mended, refused or left alone as it should be", async () => {
  const { results } = await runCorpus(readCases(CASES), 1);
  const wrong = results.filter(({ case: of, misses }) => kindOf(of) !== "ambiguous" && misses.length > 0);
  expect(wrong.map(({ case: of, misses }) => `${of.id} ${misses[0]?.how}: ${misses[0]?.why}`)).toEqual([]);
  expect(results.length).toBeGreaterThan(180);
}, 120_000);

test("a corpus that is not met is told: the runner can fail", async () => {
  const [first] = readCases(CASES);
  if (!first) throw new Error("no cases");
  const wrong = { ...first, expected: { tool_calls: [{ name: "other", arguments: {} }] } };
  const { results } = await runCorpus([wrong], 0);
  expect(results[0]?.misses.map((miss) => miss.how)).toEqual(["whole", "stream whole", "stream one"]);
});
