import { expect, test } from "vitest";
import { createIds } from "../../src/sidecar/ids.ts";

test("ids sort by time, also within a millisecond and when the clock goes back", () => {
  const times = [1000, 1000, 1000, 1001, 900, 1002].flatMap((time) => Array.from({ length: 100 }, () => time));
  const ids = createIds(() => times.shift() ?? 2000);
  const made = Array.from({ length: 600 }, () => ids());
  expect(made).toEqual([...made].sort());
  expect(new Set(made).size).toBe(600);
});

test("an id is 16 characters that need no quoting", () => {
  expect(createIds(() => Date.parse("2026-11-20T00:00:00Z"))()).toMatch(/^[0-9a-hj-km-np-tv-z]{16}$/);
});

test("two processes that begin in the same millisecond do not collide", () => {
  const made = new Set(Array.from({ length: 200 }, () => createIds(() => 5)()));
  expect(made.size).toBe(200);
});
