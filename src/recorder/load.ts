import type { Database } from "better-sqlite3";
import type { FixNote } from "../core/exchange.ts";
import type { RecordedPiece, Recording } from "../core/recording.ts";
import { decodeEntries, joinBody } from "./body.ts";
import { sameBytes, sha256, unpack } from "./bytes.ts";
import { decodeRun } from "./frames.ts";
import { journalled } from "./journal.ts";
import { decodeHead, type Head } from "./head.ts";
import { ReaderError } from "./reader-error.ts";
import { toExchange, type ExchangeColumns } from "./rows.ts";
import type { BodyKind } from "./store.ts";

export interface Loader {
  load(id: string): Recording | undefined;
  /** Undefined when no such body was kept. Throws ReaderError `damaged` when it does not match its hash. */
  body(seq: number, kind: BodyKind): Uint8Array | undefined;
  pieces(seq: number): RecordedPiece[];
  head(seq: number): Head | undefined;
}

interface NoteRow {
  readonly fix: string;
  readonly action: FixNote["action"];
  readonly rule: string | null;
  readonly target: FixNote["target"];
  readonly choice: number | null;
  readonly tool: number | null;
  readonly toolName: string | null;
  readonly pointer: string | null;
  readonly before: string | null;
  readonly after: string | null;
  readonly reason: string | null;
  readonly bytesHeldMax: number | null;
}

export function createLoader(db: Database): Loader {
  const row = db.prepare<[string], ExchangeColumns>("SELECT * FROM exchange WHERE id = ?");
  const headOf = db.prepare<[number], Uint8Array>("SELECT data FROM head WHERE exchange = ?").pluck();
  const bodyOf = db.prepare<[number, string], { sha256: Uint8Array; entries: Uint8Array }>(
    "SELECT sha256, entries FROM body WHERE exchange = ? AND kind = ?",
  );
  const pieceOf = db.prepare<[number], Uint8Array>("SELECT data FROM piece_data WHERE piece = ?").pluck();
  const runsOf = db.prepare<[number], Uint8Array>("SELECT data FROM part WHERE exchange = ? ORDER BY n").pluck();
  const journalOf = db
    .prepare<[number], Uint8Array>(
      "SELECT data FROM exchange JOIN journal ON journal.run = exchange.run WHERE seq = ? AND outcome IS NULL ORDER BY n",
    )
    .pluck();
  const notesOf = db.prepare<[number], NoteRow>(`
    SELECT fix, action, rule, target, choice, tool, tool_name AS toolName, pointer, before, after, reason, bytes_held_max AS bytesHeldMax
    FROM note WHERE exchange = ? ORDER BY n`);

  function piece(ref: number): Uint8Array {
    const data = pieceOf.get(ref);
    if (!data) throw new ReaderError("damaged", `piece ${ref} is missing from the recording file`);
    return unpack(data);
  }

  function body(seq: number, kind: BodyKind): Uint8Array | undefined {
    const stored = bodyOf.get(seq, kind);
    if (!stored) return undefined;
    const bytes = joinBody(decodeEntries(stored.entries), piece);
    if (sameBytes(sha256(bytes), stored.sha256)) return bytes;
    throw new ReaderError("damaged", `the ${kind} body of exchange ${seq} does not match its hash`);
  }

  function pieces(seq: number): RecordedPiece[] {
    // First, so that frames which move from here to `part` meanwhile are found there.
    const journal = journalOf.all(seq);
    const frames = runsOf.all(seq).flatMap((run) => decodeRun(run));
    frames.push(...journalled(journal, seq, frames.length));
    return frames.map(({ atUs, upstream, sent }, i) => ({ seq: i, atMs: atUs / 1000, upstream, sent }));
  }

  function head(seq: number): Head | undefined {
    const data = headOf.get(seq);
    return data && decodeHead(data, piece);
  }

  function load(id: string): Recording | undefined {
    const columns = row.get(id);
    if (!columns) return undefined;
    const { seq } = columns;
    const stored = head(seq);
    const request = body(seq, "request") ?? Buffer.alloc(0);
    return {
      ...toExchange(columns),
      request: { headers: stored?.headers ?? [], body: request, forwarded: body(seq, "forwarded") ?? request },
      response: stored?.response && {
        status: stored.response.status,
        headers: stored.response.headers,
        framed: stored.framed ?? false,
        pieces: pieces(seq),
      },
      details: {
        httpVersion: stored?.httpVersion,
        peer: stored?.peer,
        headMs: stored?.response?.atMs,
        requestBytes: columns.request_bytes ?? undefined,
        responseBytes: columns.response_bytes ?? undefined,
        toolCalls: columns.tool_calls ?? undefined,
        ...stored?.details,
      },
      notes: notesOf.all(seq).map(toNote),
    };
  }

  // One transaction, so that all of it is of the same moment, and pruned whole or not at all.
  return { load: db.transaction(load), body, pieces, head };
}

function toNote(row: NoteRow): FixNote {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as unknown as FixNote;
}
