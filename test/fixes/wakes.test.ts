import { expect, test } from "vitest";
import { either, ESCAPE, NEVER, SLEEPS, WAKES, type Wakes, wakesAt } from "../../src/fixes/wakes.ts";

function table(entries: Readonly<Record<string, number>>): Wakes {
  const wakes = new Uint8Array(256);
  for (const [c, wake] of Object.entries(entries)) wakes[c.charCodeAt(0)] = wake;
  return wakes;
}
const at = (wakes: Wakes, c: string) => wakes[c.charCodeAt(0)];

test("two tables wake where either does", () => {
  const both = either(wakesAt(["<t", "fun"]), wakesAt(["<x", "fun", "ü"]));
  expect([at(both, "<"), at(both, "f"), both[0xc3], at(both, "a")]).toEqual([WAKES, "u".charCodeAt(0), WAKES, SLEEPS]);
});

test("a table that never wakes costs nothing", () => {
  const one = wakesAt(["<"]);
  expect(either(NEVER, one)).toBe(one);
  expect(either(one, NEVER)).toBe(one);
  expect(either(one, one)).toBe(one);
});

test("an escape sleeps only where both tables let it", () => {
  const escape = table({ "\\": ESCAPE, '"': WAKES });
  expect(at(either(escape, table({ "\\": ESCAPE, "<": WAKES })), "\\")).toBe(ESCAPE);
  for (const other of [table({ '"': WAKES }), table({ "\\": WAKES }), table({ "\\": "n".charCodeAt(0) })]) {
    expect(at(either(escape, other), "\\")).toBe(WAKES);
    expect(at(either(other, escape), "\\")).toBe(WAKES);
  }
});
