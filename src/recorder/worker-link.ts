import { Worker, type Transferable } from "node:worker_threads";
import type { FromWorker, ToWorker, WorkerSettings } from "./batch.ts";

/** The recorder's thread, started again once when it dies. */
export interface WorkerLink {
  post(message: ToWorker, transfer: readonly Transferable[]): void;
  /** Asks the worker to write what it has and end. False when it did not within `ms`, or is dead. */
  close(ms: number): Promise<boolean>;
}

/** Source and build lie side by side under the same names: only the ending differs. */
const ENTRY = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

/** The thread makes little garbage; by default it would be let grow to three times 16 MB before anybody looked. */
const LIMITS = { maxYoungGenerationSizeMb: 6 };

export function startWorker(
  entry: URL | undefined,
  settings: WorkerSettings,
  heard: (message: FromWorker) => void,
  died: (cause: string, restarted: boolean) => void,
): WorkerLink {
  let worker: Worker | undefined;
  let deaths = 0;
  let closing: ((clean: boolean) => void) | undefined;

  function start(): void {
    let cause = "it ended by itself";
    const started = new Worker(entry ?? ENTRY, {
      workerData: settings,
      name: "llama-proxy-recorder",
      env: {},
      execArgv: [],
      resourceLimits: LIMITS,
    });
    worker = started;
    // The sidecar's sockets keep the process alive, not its recorder.
    started.unref();
    started.on("message", (message: FromWorker) => {
      if (message.type === "closed") closing?.(true);
      else heard(message);
    });
    started.on("error", (error) => {
      cause = error instanceof Error ? error.message : String(error);
    });
    started.on("exit", () => {
      if (worker !== started) return;
      worker = undefined;
      if (closing) {
        closing(false);
        return;
      }
      deaths += 1;
      if (deaths === 1) start();
      died(cause, deaths === 1);
    });
  }

  start();
  return {
    post(message, transfer) {
      worker?.postMessage(message, transfer);
    },
    async close(ms) {
      const current = worker;
      if (!current) return false;
      current.ref();
      const clean = await new Promise<boolean>((resolve) => {
        closing = resolve;
        current.postMessage({ type: "close" } satisfies ToWorker, []);
        setTimeout(() => resolve(false), ms).unref();
      });
      worker = undefined;
      // A thread that is stuck inside the file system cannot be ended; the process must not wait for it.
      await Promise.race([current.terminate(), new Promise((resolve) => setTimeout(resolve, ms).unref())]);
      return clean;
    },
  };
}
