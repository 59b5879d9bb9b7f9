/** Loaded into the sidecar with `--import`, under `--expose-gc`: tells what is left on the heap when asked over IPC. */
declare const gc: () => void;

process.on("message", () => {
  // Finalizers and what they free take a turn or two.
  gc();
  setTimeout(() => {
    gc();
    const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
    process.send?.({ heapUsed, external, arrayBuffers, rss });
  }, 200);
});
process.channel?.unref();
