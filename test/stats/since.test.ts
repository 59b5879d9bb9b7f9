import { expect, test } from "vitest";
import { parseSince } from "../../src/stats/since.ts";

const NOW = Date.UTC(2026, 10, 20, 12);

test.each([
  ["90s", NOW - 90_000],
  ["15m", NOW - 900_000],
  ["1h", NOW - 3_600_000],
  ["1.5h", NOW - 5_400_000],
  ["7d", NOW - 604_800_000],
  ["2026-11-20T10:00:00Z", NOW - 7_200_000],
  ["2026-11-20T10:00+02:00", NOW - 14_400_000],
  ["2026-11-20", new Date(2026, 10, 20).getTime()],
  ["2026-11-20 09:30", new Date(2026, 10, 20, 9, 30).getTime()],
])("%s", (text, expected) => {
  expect(parseSince(text, NOW)).toBe(expected);
});

test.each(["", "1", "h", "1y", "-1h", "yesterday", "2026-13-01", "2026-11-20T25:00"])("%s is no time", (text) => {
  expect(parseSince(text, NOW)).toBeUndefined();
});
