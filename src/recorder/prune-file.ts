import type { Database } from "better-sqlite3";
import { statSync } from "node:fs";
import { decodeEntries } from "./body.ts";
import { piecesOfHead } from "./head.ts";
import { withFile } from "./open.ts";
import { pruneStep, type Caps } from "./prune.ts";

export interface PruneResult {
  readonly removed: number;
  readonly left: number;
  /** Size of the file with its journal. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** Prunes a file now, beside a sidecar that writes or without one. Throws SqliteError or FaultError. */
export function pruneFile(path: string, caps: Caps, nowMs: number): PruneResult {
  const bytesBefore = sizeOf(path);
  const { removed, left } = withFile(path, (db) => {
    let count = 0;
    for (;;) {
      const step = pruneStep(db, caps, nowMs);
      count += step.exchanges;
      if (!step.more) break;
    }
    // Empty pages leave the file at a checkpoint; a reader may be in its way, then the sidecar's next one does it.
    db.pragma("wal_checkpoint(TRUNCATE)");
    return { removed: count, left: db.prepare<[], number>("SELECT count(*) FROM exchange").pluck().get() ?? 0 };
  });
  return { removed, left, bytesBefore, bytesAfter: sizeOf(path) };
}

/** Pinned exchanges are never pruned. False when there is no such id. Throws SqliteError or FaultError. */
export function pinExchange(path: string, id: string, pinned: boolean): boolean {
  return withFile(path, (db) =>
    db
      .transaction(() => {
        const seq = db.prepare<[string], number>("SELECT seq FROM exchange WHERE id = ?").pluck().get(id);
        if (seq === undefined) return false;
        db.prepare("UPDATE exchange SET pinned = ? WHERE seq = ?").run(Number(pinned), seq);
        db.prepare("DELETE FROM piece_pin WHERE exchange = ?").run(seq);
        if (pinned) pinPieces(db, seq);
        return true;
      })
      .immediate(),
  );
}

/** Notes which pieces a pinned exchange needs. */
export function pinPieces(db: Database, seq: number): void {
  const pin = db.prepare("INSERT OR IGNORE INTO piece_pin (piece, exchange) VALUES (?, ?)");
  for (const blob of db.prepare<[number], Uint8Array>("SELECT entries FROM body WHERE exchange = ?").pluck().all(seq)) {
    for (const entry of decodeEntries(blob)) if ("ref" in entry) pin.run(entry.ref, seq);
  }
  const head = db.prepare<[number], Uint8Array>("SELECT data FROM head WHERE exchange = ?").pluck().get(seq);
  for (const piece of head ? piecesOfHead(head) : []) pin.run(piece, seq);
}

function sizeOf(path: string): number {
  const journal = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  return statSync(path).size + journal;
}
