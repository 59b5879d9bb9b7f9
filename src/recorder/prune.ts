import type { Database } from "better-sqlite3";
import { decodeEntries } from "./body.ts";
import { piecesOfHead } from "./head.ts";
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
/** Below this many exchanges USE_WINDOW says nothing about what is used, so that is looked up; and one step takes a share of them. */
const FEW = 2 * USE_WINDOW;
const SHARE = 0.1;
/** Prunes below the cap by this share, so that it does not run for every exchange. */
const HEADROOM = 0.98;

/**
 * One small step of pruning, in a transaction of its own: the oldest exchanges, the pieces that
 * nobody uses any more, the pages that became free, but for `spare` ones. Pinned exchanges stay. Throws SqliteError.
 */
export function pruneStep(db: Database, caps: Caps, nowMs: number, spare = 0): PruneStep {
  const swept = db.transaction(() => sweepPieces(db, isTooBig(db, caps))).immediate();
  // While there are pieces to sweep, the size says nothing yet about the exchanges that are left.
  const pruned = swept > 0 ? 0 : db.transaction(() => pruneExchanges(db, caps, nowMs)).immediate();
  const free = (db.pragma("freelist_count", { simple: true }) as number) - spare;
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

function isTooBig(db: Database, caps: Caps): boolean {
  return usedBytes(db) > caps.maxBytes * HEADROOM;
}

/** How many exchanges there are, when they are few. */
function countIfFew(db: Database): number | undefined {
  const count = db.prepare<[number], number>("SELECT count(*) FROM (SELECT 1 FROM exchange LIMIT ?)").pluck().get(FEW) ?? 0;
  return count < FEW ? count : undefined;
}

function pruneExchanges(db: Database, caps: Caps, nowMs: number): number {
  const tooBig = isTooBig(db, caps);
  const few = tooBig ? countIfFew(db) : undefined;
  const oldest = db
    .prepare<[number, number], number>(
      `SELECT seq FROM exchange WHERE pinned = 0 AND outcome IS NOT NULL ${tooBig ? "AND ? IS NOT NULL" : "AND started_at < ?"} ORDER BY started_at LIMIT ?`,
    )
    .pluck()
    .all(nowMs - caps.maxAgeMs, few === undefined ? EXCHANGES : Math.max(1, Math.floor(few * SHARE)));
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

/**
 * Pieces whose last user is gone for certain, see USE_WINDOW. Pinned exchanges hold theirs by name.
 * Where the file is too big and its exchanges few, all pieces that none of them uses.
 */
function sweepPieces(db: Database, tooBig: boolean): number {
  const unused = tooBig && countIfFew(db) !== undefined ? unusedByAny(db) : unusedForLong(db);
  const removeData = db.prepare("DELETE FROM piece_data WHERE piece = ?");
  const remove = db.prepare("DELETE FROM piece WHERE id = ?");
  for (const piece of unused) {
    removeData.run(piece);
    remove.run(piece);
  }
  return unused.length;
}

function unusedByAny(db: Database): number[] {
  const used = new Set<number>();
  for (const blob of db.prepare<[], Uint8Array>("SELECT entries FROM body").pluck().iterate()) {
    for (const entry of decodeEntries(blob)) if ("ref" in entry) used.add(entry.ref);
  }
  for (const blob of db.prepare<[], Uint8Array>("SELECT data FROM head").pluck().iterate()) {
    for (const piece of piecesOfHead(blob)) used.add(piece);
  }
  const unused: number[] = [];
  for (const piece of db.prepare<[], number>("SELECT id FROM piece").pluck().iterate()) {
    if (!used.has(piece)) unused.push(piece);
    if (unused.length === PIECES) break;
  }
  return unused;
}

function unusedForLong(db: Database): number[] {
  const oldest = db.prepare<[], number>("SELECT seq FROM exchange WHERE pinned = 0 ORDER BY seq LIMIT 1").pluck().get();
  const before = oldest === undefined ? Number.MAX_SAFE_INTEGER : oldest - USE_WINDOW;
  return db
    .prepare<[number, number], number>("SELECT id FROM piece WHERE used < ? AND id NOT IN (SELECT piece FROM piece_pin) LIMIT ?")
    .pluck()
    .all(before, PIECES);
}
