import { expect, test } from "vitest";
import { parseDuration, parseSize } from "../../src/core/units.ts";

test.each([
  ["64MiB", 67_108_864],
  ["5GB", 5e9],
  ["1.5 kb", 1500],
  [4096, 4096],
  ["0", 0],
  ["-1", undefined],
  ["5 parsecs", undefined],
  ["", undefined],
  ["toString", undefined],
  [null, undefined],
  ["99999999999TB", undefined],
])("size %s", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each([
  ["90s", 90_000],
  ["250ms", 250],
  ["15m", 900_000],
  ["14d", 1_209_600_000],
  [30, 30_000],
  ["1.5h", 5_400_000],
  ["1y", undefined],
  ["h", undefined],
  [{}, undefined],
])("duration %s", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});
