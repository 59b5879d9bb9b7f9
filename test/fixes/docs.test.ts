import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { FIXES_DOC, fixesDoc } from "../../scripts/fixes-doc.ts";
import { FIXES } from "../../src/fixes/index.ts";

test("docs/fixes.md is what the fixes say (npm run docs writes it)", () => {
  expect(readFileSync(FIXES_DOC, "utf8")).toBe(fixesDoc());
});

test("names are unique and say nothing that needs quoting", () => {
  const names = FIXES.map((fix) => fix.name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => !/^[a-z][a-z0-9_]*$/.test(name))).toEqual([]);
});

test("every fix gives an example that differs and a source", () => {
  const wrong = FIXES.filter((fix) => fix.example.before === fix.example.after || fix.source.trim() === "" || fix.summary.endsWith("."));
  expect(wrong.map((fix) => fix.name)).toEqual([]);
});
