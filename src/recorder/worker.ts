/** Entry of the recorder's thread: a keeper behind messages. */
import { parentPort, workerData } from "node:worker_threads";
import type { FromWorker, ToWorker, WorkerSettings } from "./batch.ts";
import { createKeeper } from "./keeper.ts";

/** Every batch writes what is due; this is for the time when none comes: longer than from batch to batch. */
const TICK_MS = 1000;
const CLOSE_AGAIN_MS = 300;
const MAINTAIN_MS = 5000;
/** A pause between the steps of housekeeping, so that batches come in between. */
const STEP_PAUSE_MS = 5;

const port = parentPort;
if (!port) throw new Error("worker.ts is the entry of a worker thread");

const keeper = createKeeper(workerData as WorkerSettings, (message: FromWorker) => port.postMessage(message));
const ticking = setInterval(() => keeper.tick(), TICK_MS);
let maintaining = setTimeout(maintain, STEP_PAUSE_MS);
let closing = false;

function maintain(): void {
  const more = keeper.maintain();
  maintaining = setTimeout(maintain, more ? STEP_PAUSE_MS : MAINTAIN_MS);
}

/** Behind a lock it tries until the recorder's own patience ends and the thread with it. */
function close(): void {
  if (!keeper.close()) {
    setTimeout(close, CLOSE_AGAIN_MS);
    return;
  }
  port?.postMessage({ type: "closed" } satisfies FromWorker);
  port?.close();
}

port.on("message", (message: ToWorker) => {
  if (message.type === "batch") {
    if (keeper.batch(message)) ticking.refresh();
  } else if (!closing) {
    closing = true;
    clearInterval(ticking);
    clearTimeout(maintaining);
    close();
  }
});
