import { expect, test } from "vitest";
import { bytesText, clean, countText, cut, displayWidth, fit, spanText } from "../../src/stats/text.ts";

test("widths are columns, not characters", () => {
  expect(["abc", "日本", "e\u0301", "👍", "👩‍👩‍👧", "ü", ""].map(displayWidth)).toEqual([3, 4, 1, 2, 2, 1, 0]);
  expect(cut("日本語", 4)).toBe("日…");
  expect(cut("abcdef", 4)).toBe("abc…");
  expect(cut("abc", 3)).toBe("abc");
  expect(cut("abc", 0)).toBe("");
  expect(displayWidth(fit("日本語です", 6))).toBe(6);
  expect(fit("7", 3, "right")).toBe("  7");
});

test("text from elsewhere cannot steer the terminal", () => {
  expect(clean("a\u001B[2Jb\r\nc\u202Ed\u009Be")).toBe("a [2Jb cd e");
  expect(clean("\uD800")).toBe("\uFFFD");
});

test("numbers as people read them", () => {
  expect([0.4, 9.94, 161.2, 999.7, 2470, 59_994, 59_996, 192_000, 7_500_000].map(spanText)).toEqual([
    "0.4ms",
    "9.9ms",
    "161ms",
    "1.00s",
    "2.47s",
    "59.99s",
    "1m00s",
    "3m12s",
    "2h05m",
  ]);
  expect([0, 999, 1000, 1_234_567].map(countText)).toEqual(["0", "999", "1,000", "1,234,567"]);
  expect([0, 999, 1000, 1_540_000, 5e9].map(bytesText)).toEqual(["0 B", "999 B", "1.0 kB", "1.5 MB", "5.0 GB"]);
});
