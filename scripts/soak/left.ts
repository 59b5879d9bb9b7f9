/** What work leaves behind in the sidecar, and whether it is more than the same work left before. */
import type { Heap, Proxy } from "./proxy.ts";

export interface Left extends Heap {
  readonly descriptors: number;
  readonly residentMb: number;
}

/**
 * A round of 10^5 exchanges that keeps 40 B of each is found; what caches and compiled code take in a
 * second round of the same is less.
 */
export const GROWTH_BYTES = 4_000_000;
/** The kernel's and the libraries' share: not collected, so not as exact. */
const RESIDENT_FACTOR = 1.2;

export async function lookAt(proxy: Proxy): Promise<Left> {
  const heap = await proxy.heap();
  return { ...heap, ...(proxy.usage() ?? { descriptors: 0, residentMb: 0 }) };
}

/** What is more than it was, in words; empty when all is flat. */
export function grown(before: Left, after: Left): string[] {
  const more: string[] = [];
  const bytes = (what: string, was: number, is: number): void => {
    if (is > was + GROWTH_BYTES) more.push(`${what} ${mb(was)} → ${mb(is)} MB`);
  };
  bytes("heap", before.heapUsed + before.arrayBuffers, after.heapUsed + after.arrayBuffers);
  bytes("the recorder's heap", before.workerHeap, after.workerHeap);
  if (after.residentMb > before.residentMb * RESIDENT_FACTOR)
    more.push(`resident ${Math.round(before.residentMb)} → ${Math.round(after.residentMb)} MB`);
  if (after.descriptors > before.descriptors) more.push(`descriptors ${before.descriptors} → ${after.descriptors}`);
  for (const [kind, count] of Object.entries(after.resources)) {
    const was = before.resources[kind] ?? 0;
    if (count > was) more.push(`${kind} ${was} → ${count}`);
  }
  return more;
}

/** Whether points climb: the middle of the second half above that of the first by more than a tenth and GROWTH_BYTES. */
export function climbs(points: readonly number[]): boolean {
  const half = Math.floor(points.length / 2);
  const first = median(points.slice(0, half));
  return half > 0 && median(points.slice(-half)) > first * 1.1 + GROWTH_BYTES;
}

function median(points: readonly number[]): number {
  return points.toSorted((a, b) => a - b)[Math.floor(points.length / 2)] ?? 0;
}

export function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

export function describeLeft({ heapUsed, arrayBuffers, workerHeap, descriptors, residentMb, resources }: Left): string {
  const kinds = Object.entries(resources).map(([kind, count]) => `${kind} ${count}`);
  return `heap ${mb(heapUsed)} MB, buffers ${mb(arrayBuffers)} MB, recorder's heap ${mb(workerHeap)} MB, resident ${Math.round(residentMb)} MB, descriptors ${descriptors}, ${kinds.join(", ")}`;
}
