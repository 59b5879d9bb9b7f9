import { expect, test } from "vitest";
import { renderTable } from "../../src/stats/table.ts";
import { PLAIN } from "../../src/stats/text.ts";

const columns = [
  { title: "NAME", flexible: true },
  { title: "N", align: "right" as const },
];
const rows = [
  ["a rather long name that wants room", "1"],
  ["日本", "1,000"],
];

test("piped: nothing is shortened", () => {
  expect(renderTable(columns, rows, { width: Number.POSITIVE_INFINITY, style: PLAIN, lines: true })).toEqual([
    "NAME                                    N",
    "a rather long name that wants room      1",
    "日本                                1,000",
  ]);
});

test("on a terminal flexible columns give way", () => {
  expect(renderTable(columns, rows, { width: 20, style: PLAIN, lines: true })).toEqual([
    "NAME               N",
    "a rather lon…      1",
    "日本           1,000",
  ]);
});
