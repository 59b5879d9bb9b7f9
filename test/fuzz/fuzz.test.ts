import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { readCorpus } from "./corpus.ts";
import { openTargets } from "./targets.ts";

const { targets, dispose } = await openTargets();
afterAll(dispose);

/** Inputs of one run, all targets together; scripts/fuzz.ts does a hundred times as many. */
const INPUTS = 10_000;
const share = INPUTS / targets.reduce((sum, { weight }) => sum + weight, 0);

describe.each(targets)("$name", ({ name, inputs, check, weight }) => {
  test("every input of the corpus keeps its promises", () => {
    const broken = readCorpus(name).flatMap((input) => {
      try {
        check(input);
        return [];
      } catch (cause) {
        return [{ input, cause: String(cause) }];
      }
    });
    expect(broken).toEqual([]);
  });

  test("so does any other", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(inputs, (input) => {
        check(input);
      }),
      // The same inputs in every run: new ones are scripts/fuzz.ts's to find.
      { numRuns: Math.ceil(share * weight), seed: 1 },
    );
    expect(weight).toBeGreaterThan(0);
  });
});
