import { execFileSync } from "node:child_process";
import path from "node:path";
import { expect, test } from "vitest";

const HEAP = path.resolve(import.meta.dirname, "../../src/cli/heap.ts");

/** Megabytes that the heap takes at its largest, when an eighth of what is made lives for a while and then dies. */
function largestHeap(kept: boolean): number {
  const script = `
    import { getHeapStatistics } from "node:v8";
    ${kept ? `import { keepHeapSmall } from ${JSON.stringify(HEAP)}; keepHeapSmall();` : ""}
    const alive = [];
    let most = 0;
    for (let round = 0; round < 60; round++) {
      for (let i = 0; i < 20_000; i++) {
        const made = { round, i, text: [i, round, "x"] };
        if (i % 8 === 0) alive[(round % 10) * 2500 + i / 8] = made;
      }
      await new Promise((next) => setTimeout(next, 20));
      most = Math.max(most, getHeapStatistics().total_heap_size);
    }
    console.log(most / 1e6);
  `;
  return Number(execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" }));
}

test("the heap stays nearer to what lives in it than V8 would have it", () => {
  expect(largestHeap(true)).toBeLessThan(largestHeap(false) * 0.9);
});
