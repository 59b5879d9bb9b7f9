import type { Database } from "better-sqlite3";
import { settleJournal } from "./journal.ts";

/** Longer unseen, a writer is taken for dead though its process id is in use again. */
const SEEN_MS = 120_000;

/** Registers a writer of this file. Returns its number. */
export function beginRun(db: Database, wallMs: number): number {
  const insert = db.prepare("INSERT INTO run (started_at, seen_at, pid) VALUES (?, ?, ?)");
  return Number(insert.run(wallMs, wallMs, process.pid).lastInsertRowid);
}

export function seeRun(db: Database, run: number, wallMs: number): void {
  db.prepare("UPDATE run SET seen_at = ? WHERE id = ?").run(wallMs, run);
}

/** Ends a run; what it left running becomes `interrupted`, with the frames of its journal. Returns how many exchanges did. */
export function endRun(db: Database, run: number, wallMs: number): number {
  const interrupt = db.prepare(`
    UPDATE exchange SET outcome = 'interrupted', failed = 1, truncated = 1, reason = 'the sidecar ended before the exchange did'
    WHERE outcome IS NULL AND run = ?`);
  const end = db.prepare("UPDATE run SET seen_at = ?, ended_at = ? WHERE id = ?");
  return db
    .transaction(() => {
      settleJournal(db, run);
      end.run(wallMs, wallMs, run);
      return interrupt.run(run).changes;
    })
    .immediate();
}

/**
 * Ends what dead writers left running: their exchanges become `interrupted`. Writers that share the
 * file with us are left alone. Returns how many exchanges were ended so.
 */
export function endDeadRuns(db: Database, self: number, wallMs: number): number {
  const open = db.prepare<[number], { id: number; pid: number; seen_at: number }>(
    "SELECT id, pid, seen_at FROM run WHERE ended_at IS NULL AND id <> ?",
  );
  let interrupted = 0;
  for (const run of open.all(self)) {
    if (isAlive(run.pid) && wallMs - run.seen_at < SEEN_MS) continue;
    interrupted += endRun(db, run.id, wallMs);
  }
  return interrupted;
}

/** Our own id names no other process: in a container it is the same after every restart. */
function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return cause instanceof Error && "code" in cause && cause.code === "EPERM";
  }
}
