/** Calls back at points in time of the monotonic clock, to a tenth of a millisecond where the machine allows. */
export interface Schedule {
  /** `work` runs at `due` (of `performance.now()`), from the event loop and never at once. Returns a function that takes it back. */
  at(due: number, work: () => void): () => void;
}

interface Entry {
  readonly due: number;
  readonly work: () => void;
}

/** Timers count whole milliseconds and are late by one: they wake us before that. */
const COARSE_MS = 2;
/** A sleep in the kernel ends about this late. */
const FINE_MS = 0.1;

/**
 * The last stretch before the next entry is slept through in the kernel, with the event loop standing still: at most
 * COARSE_MS. Turning the loop or looking at the clock instead keeps a processor busy, and on a small machine
 * that is the one on which whoever reads the frame is waiting to run.
 */
export function createSchedule(): Schedule {
  /** By due, the latest first. */
  const entries: Entry[] = [];
  const never = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  let timer: NodeJS.Timeout | undefined;
  let near: NodeJS.Immediate | undefined;

  function plan(): void {
    clearTimeout(timer);
    clearImmediate(near);
    timer = undefined;
    near = undefined;
    const next = entries.at(-1);
    if (!next) return;
    const wait = next.due - performance.now() - COARSE_MS;
    // The loop turns between two entries: what clients say is heard.
    if (wait > 0) timer = setTimeout(run, wait);
    else near = setImmediate(run);
  }

  function run(): void {
    const next = entries.at(-1);
    if (next && next.due - performance.now() <= COARSE_MS) {
      entries.pop();
      const rest = next.due - performance.now() - FINE_MS;
      if (rest > 0) Atomics.wait(never, 0, 0, rest);
      while (performance.now() < next.due);
      next.work();
    }
    plan();
  }

  return {
    at(due, work) {
      const entry: Entry = { due, work };
      let place = entries.length;
      while (place > 0 && (entries[place - 1]?.due ?? 0) <= due) place -= 1;
      entries.splice(place, 0, entry);
      if (place === entries.length - 1) plan();
      return () => {
        const found = entries.indexOf(entry);
        if (found < 0) return;
        entries.splice(found, 1);
        if (found === entries.length) plan();
      };
    },
  };
}
