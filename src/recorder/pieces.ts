import type { Database } from "better-sqlite3";
import { pack, sha256 } from "./bytes.ts";

/**
 * Each distinct piece of a body, once. A piece carries the number of an exchange that used it
 * (`used`), not a count: the number is renewed only when it is USE_WINDOW behind, so that a request
 * that repeats four hundred messages does not write four hundred rows. Pruning therefore keeps a
 * piece for USE_WINDOW exchanges longer than it is needed.
 */
export interface Pieces {
  /** The piece's number; the piece is stored when it is new. Inside a transaction. */
  put(bytes: Uint8Array, exchange: number): PutPiece;
  /** Forgets what it remembers of the file: after a rollback, and after pieces were deleted. */
  forget(): void;
}

export interface PutPiece {
  readonly ref: number;
  readonly hash: Uint8Array;
}

export const USE_WINDOW = 128;
/** 128 bits of SHA-256: nobody finds two pieces with the same. */
const HASH_BYTES = 16;
const REMEMBERED = 50_000;

interface Known {
  readonly ref: number;
  used: number;
}

export function createPieces(db: Database): Pieces {
  const find = db.prepare<[Uint8Array], { id: number; used: number }>("SELECT id, used FROM piece WHERE hash = ?");
  const insert = db.prepare("INSERT INTO piece (hash, used, size) VALUES (?, ?, ?)");
  const insertData = db.prepare("INSERT INTO piece_data (piece, data) VALUES (?, ?)");
  const renew = db.prepare("UPDATE piece SET used = ? WHERE id = ?");
  const known = new Map<string, Known>();

  function remember(key: string, piece: Known): Known {
    if (known.size >= REMEMBERED) {
      const oldest = known.keys().next();
      if (!oldest.done) known.delete(oldest.value);
    }
    known.set(key, piece);
    return piece;
  }

  function store(bytes: Uint8Array, hash: Uint8Array, exchange: number): Known {
    const ref = Number(insert.run(hash, exchange, bytes.length).lastInsertRowid);
    insertData.run(ref, pack(bytes));
    return { ref, used: exchange };
  }

  return {
    put(bytes, exchange) {
      const hash = sha256(bytes).subarray(0, HASH_BYTES);
      const key = Buffer.from(hash).toString("latin1");
      let piece = known.get(key);
      if (!piece) {
        const row = find.get(hash);
        piece = remember(key, row ? { ref: row.id, used: row.used } : store(bytes, hash, exchange));
      }
      if (exchange - piece.used >= USE_WINDOW) {
        renew.run(exchange, piece.ref);
        piece.used = exchange;
      }
      return { ref: piece.ref, hash };
    },
    forget: () => known.clear(),
  };
}
