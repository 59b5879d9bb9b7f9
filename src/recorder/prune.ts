import type { Database } from "better-sqlite3";
import { USE_WINDOW } from "./pieces.ts";

export interface Caps {
  /** Most bytes of the file, its free pages not counted. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

export interface PruneStep {
  readonly exchanges: number;
  readonly pieces: number;
  readonly more: boolean;
}

/** One step's size: small enough that a waiting batch does not notice. */
const EXCHANGES = 100;
const PIECES = 500;
const PAGES = 512;
/** Prunes below the cap by this share, so that it does not run for every exchange. */
const HEADROOM = 0.98;

/**
 * One small step of pruning, in a transaction of its own: the oldest exchanges, the pieces that
 * nobody uses any more, the pages that became free. Pinned exchanges stay. Throws SqliteError.
 */
export function pruneStep(db: Database, caps: Caps, nowMs: number): PruneStep {
  const pruned = db.transaction(() => pruneExchanges(db, caps, nowMs)).immediate();
  const swept = db.transaction(() => sweepPieces(db)).immediate();
  const free = db.pragma("freelist_count", { simple: true }) as number;
  if (free > 0) db.pragma(`incremental_vacuum(${PAGES})`);
  return { exchanges: pruned, pieces: swept, more: pruned > 0 || swept > 0 || free > PAGES };
}

/** Bytes in use: the file without its free pages. */
export function usedBytes(db: Database): number {
  const page = db.pragma("page_size", { simple: true }) as number;
  const count = db.pragma("page_count", { simple: true }) as number;
  const free = db.pragma("freelist_count", { simple: true }) as number;
  return (count - free) * page;
}

function pruneExchanges(db: Database, caps: Caps, nowMs: number): number {
  const tooBig = usedBytes(db) > caps.maxBytes * HEADROOM;
  const oldest = db
    .prepare<[number, number], number>(
      `SELECT seq FROM exchange WHERE pinned = 0 AND outcome IS NOT NULL ${tooBig ? "AND ? IS NOT NULL" : "AND started_at < ?"} ORDER BY started_at LIMIT ?`,
    )
    .pluck()
    .all(nowMs - caps.maxAgeMs, EXCHANGES);
  deleteExchanges(db, oldest);
  return oldest.length;
}

/** All of the exchanges but the pieces they share with others. Inside a transaction. */
export function deleteExchanges(db: Database, seqs: readonly number[]): void {
  const statements = [
    "exchange WHERE seq",
    "head WHERE exchange",
    "body WHERE exchange",
    "part WHERE exchange",
    "note WHERE exchange",
    "piece_pin WHERE exchange",
  ];
  for (const statement of statements) {
    const remove = db.prepare(`DELETE FROM ${statement} = ?`);
    for (const seq of seqs) remove.run(seq);
  }
}

/** Pieces whose last user may be gone for certain, see USE_WINDOW. Pinned exchanges hold theirs by name. */
function sweepPieces(db: Database): number {
  const oldest = db.prepare<[], number>("SELECT seq FROM exchange WHERE pinned = 0 ORDER BY seq LIMIT 1").pluck().get();
  const before = oldest === undefined ? Number.MAX_SAFE_INTEGER : oldest - USE_WINDOW;
  const unused = db
    .prepare<[number, number], number>("SELECT id FROM piece WHERE used < ? AND id NOT IN (SELECT piece FROM piece_pin) LIMIT ?")
    .pluck()
    .all(before, PIECES);
  const removeData = db.prepare("DELETE FROM piece_data WHERE piece = ?");
  const remove = db.prepare("DELETE FROM piece WHERE id = ?");
  for (const piece of unused) {
    removeData.run(piece);
    remove.run(piece);
  }
  return unused.length;
}
