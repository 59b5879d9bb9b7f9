import type { Database } from "better-sqlite3";
import { pack, sha256 } from "./bytes.ts";

/**
 * Each distinct piece of a body, once. A piece carries the number of an exchange that used it
 * (`used`), not a count: the number is renewed only when it is USE_WINDOW behind, so that a request
 * that repeats four hundred messages does not write four hundred rows. Pruning therefore keeps a
 * piece for USE_WINDOW exchanges longer than it is needed.
 */
export interface Pieces {
  /** The piece's number; the piece is stored when it is new. `hash` is its pieceHash. Inside a transaction. */
  put(bytes: Uint8Array, hash: Uint8Array, exchange: number): number;
  /** The same for a short text that comes with every exchange: known by itself, not by its hash. Returns the piece's number. */
  putText(text: string, exchange: number): number;
  /** Forgets what it remembers of the file: after a rollback, and after pieces were deleted. */
  forget(): void;
}

export const USE_WINDOW = 128;
/** 128 bits of SHA-256: nobody finds two pieces with the same. */
const HASH_BYTES = 16;
const REMEMBERED = 50_000;
const REMEMBERED_TEXTS = 500;

/** What a piece is known by. */
export function pieceHash(bytes: Uint8Array): Uint8Array {
  return sha256(bytes).subarray(0, HASH_BYTES);
}

interface Known {
  readonly ref: number;
  used: number;
}

export function createPieces(db: Database): Pieces {
  const stored = db.prepare<[Uint8Array], { id: number; used: number }>("SELECT id, used FROM piece WHERE hash = ?");
  const insert = db.prepare("INSERT INTO piece (hash, used, size) VALUES (?, ?, ?)");
  const insertData = db.prepare("INSERT INTO piece_data (piece, data) VALUES (?, ?)");
  const renew = db.prepare("UPDATE piece SET used = ? WHERE id = ?");
  const known = new Map<string, Known>();
  const texts = new Map<string, Known>();

  function remember(pieces: Map<string, Known>, most: number, key: string, piece: Known): void {
    if (pieces.size >= most) {
      const oldest = pieces.keys().next();
      if (!oldest.done) pieces.delete(oldest.value);
    }
    pieces.set(key, piece);
  }

  function store(bytes: Uint8Array, hash: Uint8Array, exchange: number): Known {
    const ref = Number(insert.run(hash, exchange, bytes.length).lastInsertRowid);
    insertData.run(ref, pack(bytes));
    return { ref, used: exchange };
  }

  function use(piece: Known, exchange: number): void {
    if (exchange - piece.used < USE_WINDOW) return;
    renew.run(exchange, piece.ref);
    piece.used = exchange;
  }

  function find(bytes: Uint8Array, hash: Uint8Array, exchange: number): Known {
    const key = Buffer.from(hash.buffer, hash.byteOffset, HASH_BYTES).toString("latin1");
    let piece = known.get(key);
    if (!piece) {
      const row = stored.get(hash);
      piece = row ? { ref: row.id, used: row.used } : store(bytes, hash, exchange);
      remember(known, REMEMBERED, key, piece);
    }
    use(piece, exchange);
    return piece;
  }

  return {
    put: (bytes, hash, exchange) => find(bytes, hash, exchange).ref,
    putText(text, exchange) {
      let piece = texts.get(text);
      if (piece) {
        use(piece, exchange);
      } else {
        const bytes = Buffer.from(text);
        piece = find(bytes, pieceHash(bytes), exchange);
        remember(texts, REMEMBERED_TEXTS, text, piece);
      }
      return piece.ref;
    },
    forget() {
      known.clear();
      texts.clear();
    },
  };
}
