import { expect, test } from "vitest";
import { kindOf, readCases } from "../../scripts/corpus/case.ts";
import { runCorpus } from "../../scripts/corpus/run.ts";

/** The project's own cases over HTTP: whole, one character at a time and, the first file, at random cuts. */
const FILES = [
  { name: "cases.jsonl", random: 1, atLeast: 180 },
  { name: "cases-2.jsonl", random: 0, atLeast: 400 },
];
const pathOf = (name: string): string => new URL(`../streams/${name}`, import.meta.url).pathname;

test.each(FILES)(
  "every case of $name is mended, refused or left alone as it should be",
  async ({ name, random, atLeast }) => {
    const { results } = await runCorpus(readCases(pathOf(name)), random);
    // What is ambiguous may go either way; what needs a setting is not mended without it.
    const wrong = results.filter(({ case: of, misses }) => kindOf(of) !== "ambiguous" && of.policy === undefined && misses.length > 0);
    expect(wrong.map(({ case: of, misses }) => `${of.id} ${misses[0]?.how}: ${misses[0]?.why}`)).toEqual([]);
    expect(results.length).toBeGreaterThan(atLeast);
  },
  120_000,
);

test("a corpus that is not met is told: the runner can fail", async () => {
  const [first] = readCases(pathOf("cases.jsonl"));
  if (!first) throw new Error("no cases");
  const wrong = { ...first, expected: { tool_calls: [{ name: "other", arguments: {} }] } };
  const { results } = await runCorpus([wrong], 0);
  expect(results[0]?.misses.map((miss) => miss.how)).toEqual(["whole", "stream whole", "stream one"]);
});
