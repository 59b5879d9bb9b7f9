import { expect, test } from "vitest";
import { nearest } from "../../src/config/nearest.ts";

const known = ["host", "port", "drain_seconds", "max_request_bytes"];

test.each([
  ["prot", "port"],
  ["Port", "port"],
  ["drain_second", "drain_seconds"],
  ["max_requests_byte", "max_request_bytes"],
  ["xyz", undefined],
  ["", undefined],
])("%s → %s", (word, expected) => {
  expect(nearest(word, known)).toBe(expected);
});
