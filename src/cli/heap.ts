import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

/** Young generation, in bytes, that is enough: half of what a thousand streams make it grow to gains no speed. */
const NURSERY_BYTES = 8 * 1024 * 1024;
const LOOK_AGAIN_MS = 500;

/**
 * Keeps this process's heaps near what lives in them. Left alone, V8 lets the old generation grow to several times
 * that before it looks, and a sidecar has its machine together with a model that has a use for the memory. A fifth to
 * a third less with 100 streams, two fifths with 1,000, and no CPU that could be measured (docs/performance.md).
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--heap-growing-percent=50");
  // Streams outlive a collection or two and then die; V8 takes them for objects that stay, makes the next ones old from
  // the start, and these keep all they see. Two thirds of what was promoted, and half of the full collections.
  setFlagsFromString("--no-allocation-site-pretenuring");
  holdNursery();
}

/** A start leaves it small; it may grow to its size first. */
function holdNursery(): void {
  const nursery = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
  if ((nursery?.space_size ?? 0) >= NURSERY_BYTES) setFlagsFromString("--semi-space-growth-factor=1");
  else setTimeout(holdNursery, LOOK_AGAIN_MS).unref();
}
