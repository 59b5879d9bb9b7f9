import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const ROOT = new URL("../", import.meta.url);

const PROMISES = [...readFileSync(new URL("docs/reliability.md", ROOT), "utf8").matchAll(/^\| (.+) \| `(test\/[^`]+)` (.+) \|$/gm)].map(
  ([, promise = "", file = "", words = ""]) => ({ promise, file, words }),
);

test("docs/reliability.md has its tables", () => {
  expect(PROMISES.length).toBeGreaterThan(25);
});

test.each(PROMISES)("$promise", ({ file, words }) => {
  expect(readFileSync(new URL(file, ROOT), "utf8")).toContain(words);
});
