/** The soak's judges; the soak itself is `npm run soak`. */
import { expect, test } from "vitest";
import { climbs, GROWTH_BYTES, grown, type Left } from "../scripts/soak/left.ts";

const BEFORE: Left = {
  heapUsed: 30_000_000,
  arrayBuffers: 500_000,
  workerHeap: 6_000_000,
  residentMb: 250,
  descriptors: 32,
  resources: { PipeWrap: 1, TCPServerWrap: 1 },
};

test("what is the same, or less, has not grown", () => {
  expect(grown(BEFORE, BEFORE)).toEqual([]);
  expect(grown(BEFORE, { ...BEFORE, heapUsed: 20_000_000, descriptors: 30, resources: { PipeWrap: 1 } })).toEqual([]);
});

test.each<[string, Partial<Left>, RegExp]>([
  ["the heap", { heapUsed: BEFORE.heapUsed + GROWTH_BYTES + 1 }, /^heap 30\.5 → 34\.5 MB$/],
  ["buffers", { arrayBuffers: BEFORE.arrayBuffers + GROWTH_BYTES + 1 }, /^heap /],
  ["the recorder's heap", { workerHeap: BEFORE.workerHeap + GROWTH_BYTES + 1 }, /^the recorder's heap /],
  ["resident memory", { residentMb: 310 }, /^resident 250 → 310 MB$/],
  ["a descriptor", { descriptors: 33 }, /^descriptors 32 → 33$/],
  ["a timer", { resources: { ...BEFORE.resources, Timeout: 1 } }, /^Timeout 0 → 1$/],
])("%s: what has grown is named", (_what, more, words) => {
  expect(grown(BEFORE, { ...BEFORE, ...more })).toEqual([expect.stringMatching(words)]);
});

test("a heap that goes up and down is level, one that goes up climbs", () => {
  const wave = Array.from({ length: 24 }, (_, i) => 40_000_000 + (i % 4) * 2_000_000);
  expect(climbs(wave)).toBe(false);
  expect(climbs(wave.map((bytes, i) => bytes + i * 1_000_000))).toBe(true);
  expect(climbs([])).toBe(false);
});
