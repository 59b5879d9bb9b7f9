import type { Database } from "better-sqlite3";
import type { RecordedPiece } from "../core/recording.ts";
import { cutBody, decodeEntries } from "./body.ts";
import { sameBytes } from "./bytes.ts";
import { layRun } from "./frames.ts";
import { piecesOfHead, redactHead } from "./head.ts";
import { createLoader } from "./load.ts";
import { withFile } from "./open.ts";
import { pinPieces } from "./prune-file.ts";
import { createRedactor, type BodyRule, type Redactor } from "./redact.ts";
import { createStore, type Store } from "./store.ts";

export interface RedactResult {
  readonly seen: number;
  readonly changed: number;
}

/**
 * Applies body rules to what is recorded already, and makes sure that nothing of what was cut out is
 * left in the file: freed pages are overwritten and the journal is emptied. Run it again after the
 * exchanges that ran meanwhile have ended. Throws SyntaxError for a bad rule, SqliteError, FaultError.
 */
export function redactFile(path: string, rules: readonly BodyRule[]): RedactResult {
  const redactor = createRedactor(rules);
  return withFile(path, (db) => {
    db.pragma("secure_delete = ON");
    const store = createStore(db, 0);
    const edit = createEdit(store, redactor);
    const seqs = db.prepare<[], number>("SELECT seq FROM exchange WHERE outcome IS NOT NULL ORDER BY seq").pluck().all();
    let changed = 0;
    for (const seq of seqs) if (store.transaction(() => edit(seq))) changed += 1;
    if (changed > 0) {
      db.transaction(() => sweepUnused(db)).immediate();
      db.pragma("incremental_vacuum");
    }
    db.pragma("wal_checkpoint(TRUNCATE)");
    return { seen: seqs.length, changed };
  });
}

/** Cuts out of one exchange. Returns whether there was anything. Inside a transaction. */
function createEdit(store: Store, redactor: Redactor): (seq: number) => boolean {
  const { db } = store;
  const loader = createLoader(db);
  const dropParts = db.prepare("DELETE FROM part WHERE exchange = ?");
  const mark = db.prepare<[number], number>("UPDATE exchange SET redacted = 1 WHERE seq = ? RETURNING pinned").pluck();
  db.function("llama_proxy_redact", (value: string | null) => (value === null ? null : redactor.text(value)));
  const notes = db.prepare(updateOf("note", "exchange", ["before", "after", "reason"]));
  const row = db.prepare(updateOf("exchange", "seq", ["path", "reason", "error_type", "client", "session"]));

  function bodies(seq: number): boolean {
    let changed = false;
    for (const kind of ["request", "forwarded"] as const) {
      const before = loader.body(seq, kind);
      const after = before && redactor.body(before);
      if (!after || after === before) continue;
      store.putBody(seq, kind, cutBody(after));
      changed = true;
    }
    return changed;
  }

  function reply(seq: number, framed: boolean): boolean {
    const pieces = loader.pieces(seq);
    const frames = framed ? pieces : [wholeOf(pieces)];
    const rule = framed ? redactor.frame : redactor.body;
    const clean = frames.map(({ atMs, upstream, sent }) => {
      const kept = rule(upstream);
      return { atUs: Math.round(atMs * 1000), upstream: kept, sent: sent === upstream ? kept : rule(sent) };
    });
    if (clean.every((frame, i) => frame.upstream === frames[i]?.upstream && frame.sent === frames[i]?.sent)) return false;
    dropParts.run(seq);
    store.putRun(seq, 0, 0, layRun(clean));
    return true;
  }

  function head(seq: number): boolean {
    const before = loader.head(seq);
    const after = before && redactHead(before, redactor);
    if (!after || JSON.stringify(after) === JSON.stringify(before)) return false;
    store.putHead(seq, after);
    return true;
  }

  return (seq) => {
    const framed = loader.head(seq)?.framed ?? false;
    const changed = [bodies(seq), reply(seq, framed), head(seq), notes.run(seq).changes > 0, row.run(seq).changes > 0].includes(true);
    if (changed && mark.get(seq) === 1) pinPieces(db, seq);
    return changed;
  };
}

function updateOf(table: string, key: string, columns: readonly string[]): string {
  const sets = columns.map((column) => `${column} = llama_proxy_redact(${column})`).join(", ");
  const differs = columns.map((column) => `${column} IS NOT llama_proxy_redact(${column})`).join(" OR ");
  return `UPDATE ${table} SET ${sets} WHERE ${key} = ? AND (${differs})`;
}

function wholeOf(pieces: readonly RecordedPiece[]): Omit<RecordedPiece, "seq"> {
  const upstream = Buffer.concat(pieces.map((piece) => piece.upstream));
  const sent = Buffer.concat(pieces.map((piece) => piece.sent));
  return { atMs: pieces.at(-1)?.atMs ?? 0, upstream, sent: sameBytes(upstream, sent) ? upstream : sent };
}

/** Pieces that no body and no head names. Looks through all of them: for work that a person asked for. */
function sweepUnused(db: Database): void {
  const used = new Set<number>();
  for (const blob of db.prepare<[], Uint8Array>("SELECT entries FROM body").pluck().iterate()) {
    for (const entry of decodeEntries(blob)) if ("ref" in entry) used.add(entry.ref);
  }
  for (const blob of db.prepare<[], Uint8Array>("SELECT data FROM head").pluck().iterate())
    for (const piece of piecesOfHead(blob)) used.add(piece);
  for (const piece of db.prepare<[], number>("SELECT id FROM piece").pluck().all()) {
    if (used.has(piece)) continue;
    for (const table of ["piece WHERE id", "piece_data WHERE piece", "piece_pin WHERE piece"])
      db.prepare(`DELETE FROM ${table} = ?`).run(piece);
  }
}
