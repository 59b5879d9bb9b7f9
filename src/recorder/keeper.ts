import type { Batch, FromWorker, WorkerSettings } from "./batch.ts";
import { cureOf, faultOf, type Fault } from "./faults.ts";
import { createLedger } from "./ledger.ts";
import { moveAside, openForWriting } from "./open.ts";
import { pruneStep } from "./prune.ts";
import { createRedactor } from "./redact.ts";
import { beginRun, endDeadRuns, endRun, seeRun } from "./runs.ts";
import { createStore, type Store } from "./store.ts";

/**
 * Keeps the file open, or says why it is not. Takes batches whatever the file's state: what cannot
 * be written is dropped and counted, except behind a lock, which is waited for.
 */
export interface Keeper {
  /** False when a lock is in the way: `tick` tries again. */
  batch(batch: Batch): boolean;
  /** Writes what waits for its time, tries again after a lock or a fault. Call once a second where no batch comes, or one waits. */
  tick(): void;
  /** One small step of housekeeping. Returns true while there is more to do. */
  maintain(): boolean;
  /** Writes what is left and closes the file. False when a lock is in the way: call again or give up. */
  close(): boolean;
}

const REOPEN_MS = 2000;
/** Pages that the journal of running streams frees and takes again: nothing is gained by moving others into their place. */
const JOURNAL_PAGES = 1024;

export function createKeeper(settings: WorkerSettings, post: (message: FromWorker) => void, wallMs: () => number = Date.now): Keeper {
  const ledger = createLedger({ onlyErrors: settings.onlyErrors, redactor: createRedactor(settings.rules) });
  let store: Store | undefined;
  let fault: Fault | undefined;
  let triedAt = Number.NEGATIVE_INFINITY;
  let received = 0;
  let waiting = false;
  /** Since the last housekeeping. */
  let wrote = false;

  function failed(cause: unknown): Fault {
    const found = faultOf(cause) ?? "io";
    if (found !== fault) {
      fault = found;
      post({ type: "fault", fault, message: `${message(cause)} (${settings.path}): ${cureOf(found)}` });
    }
    return found;
  }

  function opened(): Store | undefined {
    if (store || wallMs() - triedAt < REOPEN_MS) return store;
    triedAt = wallMs();
    try {
      const { db, setAside } = openForWriting(settings.path, wallMs());
      if (setAside !== undefined) post({ type: "set-aside", path: setAside });
      const run = beginRun(db, wallMs());
      endDeadRuns(db, run, wallMs());
      store = createStore(db, run);
    } catch (cause) {
      failed(cause);
    }
    return store;
  }

  /** The file turned out damaged while it was open. */
  function replace(): void {
    try {
      store?.db.close();
      post({ type: "set-aside", path: moveAside(settings.path, wallMs()) });
    } catch (cause) {
      failed(cause);
    }
    store = undefined;
    triedAt = Number.NEGATIVE_INFINITY;
    ledger.restart();
    opened();
  }

  function attempt(all = false): void {
    const current = opened();
    let written = 0;
    let lost = 0;
    let tookMs: number | undefined;
    if (!current) {
      if (fault === "locked") return wait();
      lost = ledger.drop();
    } else {
      try {
        const begun = performance.now();
        written = ledger.write(current, wallMs(), all);
        tookMs = performance.now() - begun;
        wrote = true;
        recovered();
      } catch (cause) {
        current.pieces.forget();
        const found = failed(cause);
        if (found === "locked") return wait();
        if (found === "corrupt") replace();
        lost = ledger.drop();
      }
    }
    waiting = false;
    post({ type: "done", number: received, written, lost, dbBytes: store?.usedBytes() ?? 0, tookMs });
  }

  function wait(): void {
    waiting = true;
  }

  function recovered(): void {
    if (fault === undefined) return;
    fault = undefined;
    post({ type: "ok" });
  }

  return {
    batch(batch) {
      ledger.take(batch, wallMs());
      received = batch.number;
      if (!waiting) attempt();
      return !waiting;
    },
    tick() {
      if (waiting || ledger.due(wallMs())) attempt();
    },
    maintain() {
      const current = opened();
      if (!current || waiting) return false;
      try {
        seeRun(current.db, current.run, wallMs());
        endDeadRuns(current.db, current.run, wallMs());
        const { more, pieces } = pruneStep(current.db, settings, wallMs(), JOURNAL_PAGES);
        if (pieces > 0) current.pieces.forget();
        // While much is written, SQLite does this itself every thousand pages, each page once.
        if (!more && !wrote) current.db.pragma("wal_checkpoint(PASSIVE)");
        wrote = false;
        return more;
      } catch (cause) {
        current.pieces.forget();
        if (failed(cause) === "corrupt") replace();
        return false;
      }
    },
    close() {
      attempt(true);
      if (waiting) return false;
      if (store) {
        try {
          endRun(store.db, store.run, wallMs());
          store.db.pragma(`incremental_vacuum(${JOURNAL_PAGES})`);
          store.db.pragma("wal_checkpoint(TRUNCATE)");
        } catch (cause) {
          failed(cause);
        }
        store.db.close();
        store = undefined;
      }
      return true;
    },
  };
}

function message(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
