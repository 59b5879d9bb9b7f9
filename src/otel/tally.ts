import type { SignalState } from "./options.ts";

/** What of one signal waits or is under way, has left, was lost. `admit` keeps the first below the queue's bound. */
export interface Tally {
  /** False when the queue is full: the item is counted as dropped and must not be queued. */
  admit(): boolean;
  exported(items: number): void;
  failed(items: number, cause: unknown): void;
  state(): SignalState;
}

/** Is told of each batch. */
export interface ExportHealth {
  failed(cause: unknown): void;
  exported(): void;
}

export function createTally(max: number, health: ExportHealth): Tally {
  let queued = 0;
  let exported = 0;
  let failed = 0;
  let dropped = 0;
  return {
    admit() {
      if (queued >= max) {
        dropped += 1;
        return false;
      }
      queued += 1;
      return true;
    },
    exported(items) {
      queued -= items;
      exported += items;
      health.exported();
    },
    failed(items, cause) {
      queued -= items;
      failed += items;
      health.failed(cause);
    },
    state: () => ({ exported, failed, dropped, queued }),
  };
}

interface Exports<T> {
  export(items: T, done: (result: { code: number; error?: Error }) => void): void;
}

/** The exporter's `export` with each batch's way counted. */
export function counted<T>(exporter: Exports<T>, size: (items: T) => number, tally: Tally): Exports<T>["export"] {
  return (items, done) => {
    exporter.export(items, (result) => {
      // ExportResultCode.SUCCESS
      if (result.code === 0) tally.exported(size(items));
      else tally.failed(size(items), result.error);
      done(result);
    });
  };
}
