/**
 * What no client waits for is done here, a moment later and many of a kind together: reading frames that
 * went out unread (fixes/express.ts), and telling the listeners of an exchange that it is over. Work that is
 * done together finds its code and data in the processor's caches, and no other stream's token waits
 * long for it.
 */

/** Milliseconds that work is put off, when the event loop is not busy. Well below the second within which a crash may lose frames. */
const LATER_MS = 150;
const TICK_MS = 10;
/** Milliseconds of work in one go, as long as that is enough to keep up. */
const BUDGET_MS = 1;
/** Whatever is due is done within so many goes. */
const GOES = 20;

/** First come, first done; all wait equally long. */
const queue: { readonly work: () => void; readonly dueAt: number }[] = [];
let ticking: NodeJS.Timeout | undefined;

/** `work` keeps its exceptions to itself: nobody is there to catch them. */
export function later(work: () => void): void {
  queue.push({ work, dueAt: performance.now() + LATER_MS });
  ticking ??= setInterval(go, TICK_MS).unref();
}

/** Everything that was put off, at once: before what listens is let go. */
export function finish(): void {
  for (let next = queue.shift(); next; next = queue.shift()) next.work();
  rest();
}

function go(): void {
  const begun = performance.now();
  const least = queue.length / GOES;
  let done = 0;
  try {
    for (const { work, dueAt } of queue) {
      if (dueAt > begun || (done > least && performance.now() - begun > BUDGET_MS)) break;
      done += 1;
      work();
    }
  } finally {
    queue.splice(0, done);
  }
  if (queue.length === 0) rest();
}

function rest(): void {
  clearInterval(ticking);
  ticking = undefined;
}
