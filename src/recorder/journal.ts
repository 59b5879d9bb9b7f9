import type { Database } from "better-sqlite3";
import { ByteWriter, createByteReader, pack, unpack } from "./bytes.ts";
import { encodeRun, layRun, readRun, type FrameColumns, type StoredFrame } from "./frames.ts";

/**
 * The newest frames of all streams that run, one row for each batch: a frame is safe within a second, and a
 * stream is compressed and given rows of its own seldom. What `part` has too is deleted.
 */
export interface JournalEntry {
  /** The exchange. */
  readonly seq: number;
  /** Number of the first fresh frame within the exchange. */
  readonly first: number;
  readonly frames: FrameColumns;
}

/** As large as a batch. */
const scratch = new ByteWriter(16 * 1024, 1024 * 1024);

/** The fresh frames of many exchanges. */
export function encodeJournal(entries: readonly JournalEntry[]): Uint8Array {
  scratch.clear();
  for (const { seq, first, frames } of entries) {
    scratch.uint(seq);
    scratch.uint(first);
    frames.writeFresh(scratch);
  }
  return pack(scratch.view());
}

interface Found {
  readonly seq: number;
  readonly first: number;
  readonly frames: readonly StoredFrame[];
}

/** Throws RangeError on bytes that `encodeJournal` did not write. */
export function decodeJournal(blob: Uint8Array): readonly Found[] {
  const bytes = createByteReader(unpack(blob));
  const found: Found[] = [];
  while (!bytes.atEnd) found.push({ seq: bytes.uint(), first: bytes.uint(), frames: readRun(bytes) });
  return found;
}

/** Frames of an exchange from number `next` on. `rows` in the order they were written. */
export function journalled(rows: Iterable<Uint8Array>, seq: number, next: number): readonly StoredFrame[] {
  const frames: StoredFrame[] = [];
  for (const row of rows) {
    for (const found of decodeJournal(row)) {
      if (found.seq === seq) frames.push(...found.frames.slice(Math.max(0, next + frames.length - found.first)));
    }
  }
  return frames;
}

/** Gives the frames that a writer left in its journal to their exchanges. Inside a transaction. */
export function settleJournal(db: Database, run: number): void {
  const rows = db.prepare<[number], Uint8Array>("SELECT data FROM journal WHERE run = ? ORDER BY n").pluck().all(run);
  const written = db.prepare<[number], { parts: number; frames: number }>(
    "SELECT count(*) AS parts, coalesce(max(first + frames), 0) AS frames FROM part WHERE exchange = ?",
  );
  const running = db.prepare<[number, number], number>("SELECT 1 FROM exchange WHERE seq = ? AND run = ? AND outcome IS NULL").pluck();
  const insert = db.prepare("INSERT INTO part (exchange, n, first, frames, data) VALUES (?, ?, ?, ?, ?)");
  const exchanges = new Set(rows.flatMap((row) => decodeJournal(row).map(({ seq }) => seq)));
  for (const seq of exchanges) {
    const before = written.get(seq);
    if (!before || running.get(seq, run) === undefined) continue;
    const frames = journalled(rows, seq, before.frames);
    if (frames.length > 0) insert.run(seq, before.parts, before.frames, frames.length, encodeRun(layRun(frames)));
  }
  db.prepare("DELETE FROM journal WHERE run = ?").run(run);
}
