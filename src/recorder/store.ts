import type { Database } from "better-sqlite3";
import { createHash } from "node:crypto";
import type { FixNote } from "../core/exchange.ts";
import type { RequestMetrics } from "../core/metrics.ts";
import { bytesOf, encodeEntries, planBody, type BodyEntry, type StoredEntry } from "./body.ts";
import { sameBytes, sha256, unpack } from "./bytes.ts";
import { encodeRun, type FrameRun } from "./frames.ts";
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
  putRun(seq: number, part: number, firstFrame: number, run: FrameRun): void;
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
  const insert = db.prepare(`
    INSERT INTO exchange (id, run, started_at, method, path, route, dialect, client, model, session, session_source, truncated)
    VALUES (@id, @run, @startedAt, @method, @path, @route, @dialect, @client, @model, @session, @sessionSource, @truncated)
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
  const findSession = db.prepare<[number], string>("SELECT session FROM exchange WHERE lineage = ? ORDER BY seq DESC LIMIT 1").pluck();
  const lastEnded = db.prepare<[], number | null>("SELECT max(ended_order) FROM exchange WHERE ended_order IS NOT NULL").pluck();
  const update = db.prepare(`
    UPDATE exchange SET outcome = @outcome, ended_order = @endedOrder, status = @status, failed = @failed, reason = @reason,
      error_type = @errorType, streaming = @streaming, finish_reason = @finishReason, fixes = @fixes, model = coalesce(@model, model),
      duration_ms = @durationMs, ttft_ms = @ttftMs, prompt_tokens = @promptTokens, completion_tokens = @completionTokens,
      cached_tokens = @cachedTokens, reasoning_tokens = @reasoningTokens, prompt_ms = @promptMs, generation_ms = @generationMs,
      prompt_tps = @promptTps, generation_tps = @generationTps, context_total = @contextTotal, draft_tokens = @draftTokens,
      draft_accepted = @draftAccepted, tool_calls = @toolCalls, request_bytes = @requestBytes, response_bytes = @responseBytes,
      trace_id = @traceId, span_id = @spanId, truncated = max(truncated, @truncated), redacted = @redacted
    WHERE seq = @seq`);
  const insertNote = db.prepare(`
    INSERT INTO note (exchange, n, fix, action, rule, target, choice, tool, tool_name, pointer, before, after, reason, bytes_held_max)
    VALUES (@seq, @n, @fix, @action, @rule, @target, @choice, @tool, @toolName, @pointer, @before, @after, @reason, @bytesHeldMax)`);

  const pieceData = db.prepare<[number], Uint8Array>("SELECT data FROM piece_data WHERE piece = ?").pluck();

  function loadPiece(ref: number): Uint8Array {
    return unpack(pieceData.get(ref) ?? new Uint8Array(0));
  }

  /** Stores what the entries name and checks that they join to the very bytes. */
  function storeEntries(seq: number, body: Uint8Array, hash: Uint8Array): { blob: Uint8Array; messages: Uint8Array[] } {
    const plan = planBody(body);
    const entries = joins(plan, hash) ? plan : [{ kind: "whole" as const, comma: false, bytes: body }];
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
    transaction: (work) =>
      db
        .transaction(() => {
          // Another program wrote to the file, perhaps pruned it: what is remembered of pieces may be gone.
          const version = dataVersion.get();
          if (version !== seenVersion) pieces.forget();
          seenVersion = version;
          return work();
        })
        .immediate(),
    begin(row) {
      const result = insert.run(nulls({ ...row, run, truncated: row.truncated ? 1 : 0 }));
      if (result.changes === 1) return { seq: Number(result.lastInsertRowid), parts: 0, frames: 0, head: undefined };
      resume.run(run, row.id);
      const found = resumed.get(row.id);
      if (!found) throw new Error(`exchange ${row.id} is neither new nor there`);
      return { ...found, head: found.head ? decodeHead(found.head, loadPiece) : undefined };
    },
    putBody(seq, kind, body) {
      const hash = sha256(body);
      const { blob, messages } = storeEntries(seq, body, hash);
      insertBody.run(seq, kind, body.length, hash, blob);
      return messages;
    },
    putHead: (seq, head) =>
      void insertHead.run(
        seq,
        encodeHead(head, (bytes) => pieces.put(bytes, seq).ref),
      ),
    putRun: (seq, part, firstFrame, frames) => void insertPart.run(seq, part, firstFrame, frames.sizes.length, encodeRun(frames)),
    putJournal: (entries) => insertJournal.get(run, encodeJournal(entries), run) ?? 0,
    dropJournal: (before) => void deleteJournal.run(run, before),
    setSession: (seq, session, source, lineage) => void updateSession.run(session, source, lineage ?? null, seq),
    sessionOf: (lineage) => findSession.get(lineage),
    end(seq, ending) {
      const { metrics, notes, endedAt, failed, truncated, redacted, ...facts } = ending;
      update.run(
        nulls({
          ...EMPTY_METRICS,
          ...metrics,
          ...facts,
          seq,
          // The order of ending: the clock in microseconds, pushed on where it stands still or goes back.
          endedOrder: Math.max(Math.round(endedAt * 1000), (lastEnded.get() ?? 0) + 1),
          failed: Number(failed),
          truncated: Number(truncated),
          redacted: Number(redacted),
          streaming: Number(metrics.streaming),
          fixes: metrics.fixes.length === 0 ? undefined : JSON.stringify(metrics.fixes),
        }),
      );
      notes.forEach((note, n) => insertNote.run(nulls({ ...EMPTY_NOTE, ...note, seq, n })));
    },
  };
}

/** Statements want every parameter named, and null for what is not there. */
function nulls(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const name in values) out[name] = values[name] ?? null;
  return out;
}

const EMPTY_METRICS: { readonly [K in keyof Required<RequestMetrics>]?: undefined } = {
  model: undefined,
  status: undefined,
  finishReason: undefined,
  ttftMs: undefined,
  promptTokens: undefined,
  completionTokens: undefined,
  cachedTokens: undefined,
  reasoningTokens: undefined,
  promptMs: undefined,
  generationMs: undefined,
  promptTps: undefined,
  generationTps: undefined,
  contextTotal: undefined,
  draftTokens: undefined,
  draftAccepted: undefined,
};

const EMPTY_NOTE: { readonly [K in keyof Required<FixNote>]?: undefined } = {
  rule: undefined,
  choice: undefined,
  tool: undefined,
  toolName: undefined,
  pointer: undefined,
  before: undefined,
  after: undefined,
  reason: undefined,
  bytesHeldMax: undefined,
};

function joins(entries: readonly BodyEntry[], hash: Uint8Array): boolean {
  const sum = createHash("sha256");
  for (const bytes of bytesOf(entries)) sum.update(bytes);
  return sameBytes(sum.digest(), hash);
}
