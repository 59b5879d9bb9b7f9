import type { Database, RunResult } from "better-sqlite3";
import type { FixNote } from "../core/exchange.ts";
import { encodeEntries, type CutBody } from "./body.ts";
import { sha256, unpack } from "./bytes.ts";
import { BEGUN, begunValues, ENDED, endedValues, insertExchange, type ExchangeEnding, type ExchangeRow } from "./exchange-row.ts";
import { encodeRun, type FrameColumns } from "./frames.ts";
import { decodeHead, encodeHead, type Head } from "./head.ts";
import { encodeJournal, type JournalEntry } from "./journal.ts";
import type { Session } from "./lineage.ts";
import { createPieces, type Pieces } from "./pieces.ts";

export type BodyKind = "request" | "forwarded";

/** Where to go on writing an exchange: past the parts that an earlier worker wrote. */
export interface Begun {
  readonly seq: number;
  readonly parts: number;
  readonly frames: number;
  /** What an earlier worker wrote of its head. */
  readonly head: Head | undefined;
}

/** Writes to one open file. Every call but `transaction` belongs inside a transaction. Throws SqliteError. */
export interface Store {
  readonly db: Database;
  readonly pieces: Pieces;
  readonly run: number;
  transaction<T>(work: () => T): T;
  /** Of the file, without what is free in it. */
  usedBytes(): number;
  /** With its ending, where that is known already: one row written once. */
  begin(row: ExchangeRow, ending: ExchangeEnding | undefined): Begun;
  putBody(seq: number, kind: BodyKind, body: CutBody): void;
  putHead(seq: number, head: Head): void;
  putRun(seq: number, part: number, firstFrame: number, run: FrameColumns): void;
  /** One more row of this run's journal: returns its number. */
  putJournal(entries: readonly JournalEntry[]): number;
  /** Deletes this run's journal up to before the row of that number. */
  dropJournal(before: number): void;
  setSession(seq: number, session: Session): void;
  /** The newest session in which a request ended with this chain of messages. */
  sessionOf(lineage: number): string | undefined;
  end(seq: number, ending: ExchangeEnding): void;
}

export function createStore(db: Database, run: number): Store {
  const pieces = createPieces(db);
  const dataVersion = db.prepare<[], number>("PRAGMA data_version").pluck();
  const used = db
    .prepare<[], number>("SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size")
    .pluck();
  let seenVersion: number | undefined;
  /** The largest `ended_order` in the file. */
  let lastOrder: number | undefined;
  let journalRows = 0;
  // Parameters by place: looking them up by name costs more than the statement.
  const insert = db.prepare(insertExchange(BEGUN));
  const insertEnded = db.prepare(insertExchange([...BEGUN, ...ENDED]));
  const resume = db.prepare("UPDATE exchange SET run = ?, outcome = NULL, failed = 0, truncated = 1 WHERE id = ?");
  const resumed = db.prepare<[string], Omit<Begun, "head"> & { head: Uint8Array | null }>(`
    SELECT seq, (SELECT data FROM head WHERE exchange = seq) AS head, (SELECT count(*) FROM part WHERE exchange = seq) AS parts,
      coalesce((SELECT max(first + frames) FROM part WHERE exchange = seq), 0) AS frames
    FROM exchange WHERE id = ?`);
  const insertBody = db.prepare("INSERT OR REPLACE INTO body (exchange, kind, size, sha256, entries) VALUES (?, ?, ?, ?, ?)");
  const insertHead = db.prepare("INSERT OR REPLACE INTO head (exchange, data) VALUES (?, ?)");
  // A writer that slept so long that another one took it for dead finds its journal's frames there already.
  const insertPart = db.prepare("INSERT OR REPLACE INTO part (exchange, n, first, frames, data) VALUES (?, ?, ?, ?, ?)");
  // Counted here: nobody else writes this run's journal, and SQLite prepares a statement with `max` anew every time.
  const insertJournal = db.prepare("INSERT INTO journal (run, n, data) VALUES (?, ?, ?)");
  const deleteJournal = db.prepare("DELETE FROM journal WHERE run = ? AND n < ?");
  const updateSession = db.prepare("UPDATE exchange SET session = ?, session_source = ?, lineage = ? WHERE seq = ?");
  // `+`, or SQLite compares the value with the conditions of partial indexes and prepares the statement anew each time.
  const findSession = db.prepare<[number], string>("SELECT session FROM exchange WHERE lineage = +? ORDER BY seq DESC LIMIT 1").pluck();
  const lastEnded = db.prepare<[], number | null>("SELECT max(ended_order) FROM exchange WHERE ended_order IS NOT NULL").pluck();
  const update = db.prepare(`
    UPDATE exchange SET ${ENDED.map((column) => `${column} = ?`).join(", ")},
      model = coalesce(?, model), truncated = max(truncated, ?)
    WHERE seq = ?`);
  const insertNote = db.prepare(`
    INSERT INTO note (exchange, n, fix, action, rule, target, choice, tool, tool_name, pointer, before, after, reason, bytes_held_max)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const transaction = db.transaction((work: () => unknown) => {
    // Another program wrote to the file, perhaps pruned it: what is remembered of pieces may be gone.
    const version = dataVersion.get();
    if (version !== seenVersion) {
      pieces.forget();
      lastOrder = undefined;
    }
    seenVersion = version;
    return work();
  });

  const pieceData = db.prepare<[number], Uint8Array>("SELECT data FROM piece_data WHERE piece = ?").pluck();

  function loadPiece(ref: number): Uint8Array {
    return unpack(pieceData.get(ref) ?? new Uint8Array(0));
  }

  /** The order of ending: the clock in microseconds, pushed on where it stands still or goes back. */
  function nextOrder(endedAt: number): number {
    lastOrder = Math.max(Math.round(endedAt * 1000), (lastOrder ?? lastEnded.get() ?? 0) + 1);
    return lastOrder;
  }

  function putNotes(seq: number, notes: readonly FixNote[]): void {
    notes.forEach((note, n) => {
      const { fix, action, rule, target, choice, tool, toolName, pointer, before, after, reason, bytesHeldMax } = note;
      insertNote.run(seq, n, fix, action, rule, target, choice, tool, toolName, pointer, before, after, reason, bytesHeldMax);
    });
  }

  function setSession(seq: number, { name, source, lineage }: Session): void {
    updateSession.run(name, source, lineage, seq);
  }

  function end(seq: number, ending: ExchangeEnding): void {
    update.run(...endedValues(ending, nextOrder(ending.endedAt)), ending.model, Number(ending.truncated), seq);
    putNotes(seq, ending.notes);
  }

  function insertRow(row: ExchangeRow, ending: ExchangeEnding | undefined): RunResult {
    const begun = begunValues(run, row, ending);
    return ending ? insertEnded.run(...begun, ...endedValues(ending, nextOrder(ending.endedAt))) : insert.run(...begun);
  }

  /** An earlier worker wrote its beginning. */
  function goOn(row: ExchangeRow, ending: ExchangeEnding | undefined): Begun {
    resume.run(run, row.id);
    const found = resumed.get(row.id);
    if (!found) throw new Error(`exchange ${row.id} is neither new nor there`);
    if (row.session) setSession(found.seq, row.session);
    if (ending) end(found.seq, ending);
    return { ...found, head: found.head ? decodeHead(found.head, loadPiece) : undefined };
  }

  return {
    db,
    pieces,
    run,
    transaction: <T>(work: () => T) => transaction.immediate(work) as T,
    usedBytes: () => used.get() ?? 0,
    begin(row, ending) {
      const result = insertRow(row, ending);
      if (result.changes !== 1) return goOn(row, ending);
      const seq = Number(result.lastInsertRowid);
      if (ending) putNotes(seq, ending.notes);
      return { seq, parts: 0, frames: 0, head: undefined };
    },
    putBody(seq, kind, { bytes, entries }) {
      const stored = entries.map((entry) =>
        "literal" in entry ? entry : { kind: entry.kind, comma: entry.comma, ref: pieces.put(entry.bytes, entry.hash, seq) },
      );
      insertBody.run(seq, kind, bytes.length, sha256(bytes), encodeEntries(stored));
    },
    putHead: (seq, head) =>
      void insertHead.run(
        seq,
        encodeHead(head, (text) => pieces.putText(text, seq)),
      ),
    putRun: (seq, part, firstFrame, frames) => void insertPart.run(seq, part, firstFrame, frames.count, encodeRun(frames)),
    putJournal(entries) {
      journalRows += 1;
      insertJournal.run(run, journalRows, encodeJournal(entries));
      return journalRows;
    },
    dropJournal: (before) => void deleteJournal.run(run, before),
    setSession,
    sessionOf: (lineage) => findSession.get(lineage),
    end,
  };
}
