import type { Database } from "better-sqlite3";
import type { FixNote } from "../core/exchange.ts";
import type { RequestMetrics } from "../core/metrics.ts";
import { encodeEntries, planBody, type BodyEntry, type StoredEntry } from "./body.ts";
import { sha256, unpack } from "./bytes.ts";
import { encodeRun, type FrameColumns } from "./frames.ts";
import { decodeHead, encodeHead, type Head } from "./head.ts";
import { encodeJournal, type JournalEntry } from "./journal.ts";
import { createPieces, type Pieces } from "./pieces.ts";

export type BodyKind = "request" | "forwarded";

export interface ExchangeRow {
  readonly id: string;
  readonly startedAt: number;
  readonly method: string;
  readonly path: string;
  readonly route: string;
  readonly dialect: string | undefined;
  readonly client: string | undefined;
  readonly model: string | undefined;
  readonly session: string | undefined;
  readonly sessionSource: string | undefined;
  readonly truncated: boolean;
}

export interface ExchangeEnding {
  readonly metrics: RequestMetrics;
  readonly failed: boolean;
  readonly reason: string | undefined;
  readonly errorType: string | undefined;
  readonly toolCalls: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly truncated: boolean;
  readonly redacted: boolean;
  readonly notes: readonly FixNote[];
  /** Unix milliseconds. */
  readonly endedAt: number;
}

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
  begin(row: ExchangeRow): Begun;
  /** Returns the hashes of the body's messages, in order. */
  putBody(seq: number, kind: BodyKind, body: Uint8Array): readonly Uint8Array[];
  putHead(seq: number, head: Head): void;
  putRun(seq: number, part: number, firstFrame: number, run: FrameColumns): void;
  /** One more row of this run's journal: returns its number. */
  putJournal(entries: readonly JournalEntry[]): number;
  /** Deletes this run's journal up to before the row of that number. */
  dropJournal(before: number): void;
  setSession(seq: number, session: string, source: "body" | "lineage", lineage: number | undefined): void;
  /** The newest session in which a request ended with this chain of messages. */
  sessionOf(lineage: number): string | undefined;
  end(seq: number, ending: ExchangeEnding): void;
}

export function createStore(db: Database, run: number): Store {
  const pieces = createPieces(db);
  const dataVersion = db.prepare<[], number>("PRAGMA data_version").pluck();
  let seenVersion: number | undefined;
  // Parameters by place: looking them up by name costs more than the statement.
  const insert = db.prepare(`
    INSERT INTO exchange (id, run, started_at, method, path, route, dialect, client, model, session, session_source, truncated)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO NOTHING`);
  const resume = db.prepare("UPDATE exchange SET run = ?, outcome = NULL, failed = 0, truncated = 1 WHERE id = ?");
  const resumed = db.prepare<[string], Omit<Begun, "head"> & { head: Uint8Array | null }>(`
    SELECT seq, (SELECT data FROM head WHERE exchange = seq) AS head, (SELECT count(*) FROM part WHERE exchange = seq) AS parts,
      coalesce((SELECT max(first + frames) FROM part WHERE exchange = seq), 0) AS frames
    FROM exchange WHERE id = ?`);
  const insertBody = db.prepare("INSERT OR REPLACE INTO body (exchange, kind, size, sha256, entries) VALUES (?, ?, ?, ?, ?)");
  const insertHead = db.prepare("INSERT OR REPLACE INTO head (exchange, data) VALUES (?, ?)");
  // A writer that slept so long that another one took it for dead finds its journal's frames there already.
  const insertPart = db.prepare("INSERT OR REPLACE INTO part (exchange, n, first, frames, data) VALUES (?, ?, ?, ?, ?)");
  const insertJournal = db
    .prepare<[number, Uint8Array, number], number>(
      "INSERT INTO journal (run, n, data) SELECT ?, coalesce(max(n), 0) + 1, ? FROM journal WHERE run = ? RETURNING n",
    )
    .pluck();
  const deleteJournal = db.prepare("DELETE FROM journal WHERE run = ? AND n < ?");
  const updateSession = db.prepare("UPDATE exchange SET session = ?, session_source = ?, lineage = ? WHERE seq = ?");
  // `+`, or SQLite compares the value with the conditions of partial indexes and prepares the statement anew each time.
  const findSession = db.prepare<[number], string>("SELECT session FROM exchange WHERE lineage = +? ORDER BY seq DESC LIMIT 1").pluck();
  const lastEnded = db.prepare<[], number | null>("SELECT max(ended_order) FROM exchange WHERE ended_order IS NOT NULL").pluck();
  const update = db.prepare(`
    UPDATE exchange SET outcome = ?, ended_order = ?, status = ?, failed = ?, reason = ?, error_type = ?, streaming = ?,
      finish_reason = ?, fixes = ?, model = coalesce(?, model), duration_ms = ?, ttft_ms = ?, prompt_tokens = ?, completion_tokens = ?,
      cached_tokens = ?, reasoning_tokens = ?, prompt_ms = ?, generation_ms = ?, prompt_tps = ?, generation_tps = ?,
      context_total = ?, draft_tokens = ?, draft_accepted = ?, tool_calls = ?, request_bytes = ?, response_bytes = ?,
      trace_id = ?, span_id = ?, truncated = max(truncated, ?), redacted = ?
    WHERE seq = ?`);
  const insertNote = db.prepare(`
    INSERT INTO note (exchange, n, fix, action, rule, target, choice, tool, tool_name, pointer, before, after, reason, bytes_held_max)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const transaction = db.transaction((work: () => unknown) => {
    // Another program wrote to the file, perhaps pruned it: what is remembered of pieces may be gone.
    const version = dataVersion.get();
    if (version !== seenVersion) pieces.forget();
    seenVersion = version;
    return work();
  });

  const pieceData = db.prepare<[number], Uint8Array>("SELECT data FROM piece_data WHERE piece = ?").pluck();

  function loadPiece(ref: number): Uint8Array {
    return unpack(pieceData.get(ref) ?? new Uint8Array(0));
  }

  /** Stores what the entries name. */
  function storeEntries(seq: number, body: Uint8Array): { blob: Uint8Array; messages: Uint8Array[] } {
    const plan = planBody(body);
    const entries = joins(plan, body) ? plan : [{ kind: "whole" as const, comma: false, bytes: body }];
    const messages: Uint8Array[] = [];
    const stored = entries.map((entry): StoredEntry => {
      if ("literal" in entry) return entry;
      const piece = pieces.put(entry.bytes, seq);
      if (entry.kind === "message") messages.push(piece.hash);
      return { kind: entry.kind, comma: entry.comma, ref: piece.ref };
    });
    return { blob: encodeEntries(stored), messages };
  }

  return {
    db,
    pieces,
    run,
    transaction: <T>(work: () => T) => transaction.immediate(work) as T,
    begin(row) {
      const { id, startedAt, method, path, route, dialect, client, model, session, sessionSource } = row;
      const truncated = Number(row.truncated);
      const result = insert.run(id, run, startedAt, method, path, route, dialect, client, model, session, sessionSource, truncated);
      if (result.changes === 1) return { seq: Number(result.lastInsertRowid), parts: 0, frames: 0, head: undefined };
      resume.run(run, row.id);
      const found = resumed.get(row.id);
      if (!found) throw new Error(`exchange ${row.id} is neither new nor there`);
      return { ...found, head: found.head ? decodeHead(found.head, loadPiece) : undefined };
    },
    putBody(seq, kind, body) {
      const { blob, messages } = storeEntries(seq, body);
      insertBody.run(seq, kind, body.length, sha256(body), blob);
      return messages;
    },
    putHead: (seq, head) =>
      void insertHead.run(
        seq,
        encodeHead(head, (text) => pieces.putText(text, seq)),
      ),
    putRun: (seq, part, firstFrame, frames) => void insertPart.run(seq, part, firstFrame, frames.count, encodeRun(frames)),
    putJournal: (entries) => insertJournal.get(run, encodeJournal(entries), run) ?? 0,
    dropJournal: (before) => void deleteJournal.run(run, before),
    setSession: (seq, session, source, lineage) => void updateSession.run(session, source, lineage, seq),
    sessionOf: (lineage) => findSession.get(lineage),
    end(seq, ending) {
      const { metrics: m } = ending;
      update.run(
        m.outcome,
        // The order of ending: the clock in microseconds, pushed on where it stands still or goes back.
        Math.max(Math.round(ending.endedAt * 1000), (lastEnded.get() ?? 0) + 1),
        m.status,
        Number(ending.failed),
        ending.reason,
        ending.errorType,
        Number(m.streaming),
        m.finishReason,
        m.fixes.length === 0 ? undefined : JSON.stringify(m.fixes),
        m.model,
        m.durationMs,
        m.ttftMs,
        m.promptTokens,
        m.completionTokens,
        m.cachedTokens,
        m.reasoningTokens,
        m.promptMs,
        m.generationMs,
        m.promptTps,
        m.generationTps,
        m.contextTotal,
        m.draftTokens,
        m.draftAccepted,
        ending.toolCalls,
        ending.requestBytes,
        ending.responseBytes,
        ending.traceId,
        ending.spanId,
        Number(ending.truncated),
        Number(ending.redacted),
        seq,
      );
      ending.notes.forEach((note, n) => {
        const { fix, action, rule, target, choice, tool, toolName, pointer, before, after, reason, bytesHeldMax } = note;
        insertNote.run(seq, n, fix, action, rule, target, choice, tool, toolName, pointer, before, after, reason, bytesHeldMax);
      });
    },
  };
}

/** Whether the entries are views that lie behind one another, a comma between them where they say so, and are all of `body`. */
function joins(entries: readonly BodyEntry[], body: Uint8Array): boolean {
  let at = body.byteOffset;
  for (const entry of entries) {
    const bytes = "literal" in entry ? entry.literal : entry.bytes;
    if (!("literal" in entry) && entry.comma) {
      if (body[at - body.byteOffset] !== COMMA) return false;
      at += 1;
    }
    if (bytes.buffer !== body.buffer || bytes.byteOffset !== at) return false;
    at += bytes.length;
  }
  return at === body.byteOffset + body.length;
}

const COMMA = 0x2c;
