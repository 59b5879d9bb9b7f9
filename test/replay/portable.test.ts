import { assert, constantFrom, integer, property, tuple } from "fast-check";
import { expect, test } from "vitest";
import { caseOf } from "../../src/replay/case.ts";
import { hashOf, PORTABLE_RECORDING, portableOf, TEST_CASE, type TestCase } from "../../src/replay/format.ts";
import { readPortable, writePortable } from "../../src/replay/portable.ts";
import { CALLS, recordingOf } from "./recorded.ts";

const recordings = [...CALLS.values()].flat().map((call) => recordingOf(call));
const file = [...writePortable(recordings, "test")].join("");

test("every recording comes back as it was, bytes that are no text included", () => {
  const odd = { ...recordings[0], id: "odd" } as (typeof recordings)[number];
  const bytes = Uint8Array.of(0, 0xff, 0xfe, 10, 10);
  const response = odd.response && { ...odd.response, pieces: [{ seq: 0, atMs: 1.25, upstream: bytes, sent: new Uint8Array(0) }] };
  const all = [...recordings, { ...odd, response }];
  const back = readPortable([...writePortable(all, "test")].join(""));
  expect(back.map(portableOf)).toEqual(all.map(portableOf));
  expect(Buffer.from(back.at(-1)?.response?.pieces[0]?.upstream ?? []).equals(bytes)).toBe(true);
  expect(back.at(-1)?.response?.pieces[0]?.sent.length).toBe(0);
});

test("the hash does not depend on the order of keys, and on everything else", () => {
  expect(hashOf({ a: 1, b: [1, { c: null }] })).toBe(hashOf({ b: [1, { c: null }], a: 1 }));
  expect(hashOf({ a: 1 })).not.toBe(hashOf({ a: "1" }));
  expect(hashOf({ a: [1, 2] })).not.toBe(hashOf({ a: [2, 1] }));
});

test("no change of the file goes unnoticed", () => {
  const characters = ['"', "0", "a", "Z", "{", ","];
  assert(
    property(tuple(integer({ min: 0, max: file.length - 2 }), constantFrom(...characters, "")), ([at, put]) => {
      if (file[at] === put) return;
      const changed = file.slice(0, at) + put + file.slice(at + 1);
      // `made_by` is nobody's content, and white space that JSON allows anywhere changes nothing.
      if (changed.split("\n")[0] !== file.split("\n")[0]) return;
      expect(() => readPortable(changed)).toThrow(/line \d+/);
    }),
    { numRuns: 60 },
  );
});

test("what is written fits the schemas", () => {
  const cases: TestCase[] = [];
  for (const recording of recordings) {
    expect(PORTABLE_RECORDING.safeParse(JSON.parse(JSON.stringify(portableOf(recording)))).error).toBeUndefined();
    const made = caseOf(recording, "x");
    if (made) cases.push(made);
  }
  expect(cases.length).toBeGreaterThan(40);
  for (const made of cases) expect(TEST_CASE.parse(JSON.parse(JSON.stringify(made)))).toEqual(made);
});
