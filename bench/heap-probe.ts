/**
 * Loaded into the sidecar with `--import`, under `--expose-gc`: tells over IPC what is left on the heaps,
 * in bytes and behind a forced collection, and what keeps the process awake, by kind.
 */
import { subscribe } from "node:diagnostics_channel";
import type { Worker } from "node:worker_threads";

declare const gc: () => void;
const workers = new Set<Worker>();

// https://nodejs.org/api/diagnostics_channel.html#worker-thread
subscribe("worker_threads", (message) => {
  const { worker } = message as { worker: Worker };
  workers.add(worker);
  worker.once("exit", () => workers.delete(worker));
});

/** A thread cannot be told to collect from outside; taking a snapshot of its heap begins with it. */
async function heapOf(worker: Worker): Promise<number> {
  (await worker.getHeapSnapshot()).destroy();
  return (await worker.getHeapStatistics()).used_heap_size;
}

async function tell(): Promise<void> {
  gc();
  const workerHeaps = await Promise.all([...workers].map(heapOf));
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  process.send?.({ heapUsed, external, arrayBuffers, rss, workerHeap: workerHeaps.reduce((sum, bytes) => sum + bytes, 0), resources });
}

process.on("message", () => {
  // Finalizers and what they free take a turn or two.
  gc();
  setTimeout(() => void tell(), 200);
});
process.channel?.unref();
