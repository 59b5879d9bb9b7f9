import type { FixNote } from "../core/exchange.ts";
import { metricsOf } from "../core/metrics.ts";
import { FRAME_FIELDS, opsOf, type Batch } from "./batch.ts";
import { FrameColumns } from "./frames.ts";
import { redactHead } from "./head.ts";
import { createTaker, openExchange, type EndOp, type OpenExchange } from "./held.ts";
import type { JournalEntry } from "./journal.ts";
import { joinSession } from "./lineage.ts";
import type { Redactor } from "./redact.ts";
import type { Begun, Store } from "./store.ts";

/** The exchanges that have not been written to their end. Holds bytes until they are committed. */
export interface Ledger {
  /** Takes what happened, and the batch's memory with it. Never fails, writes nothing. */
  take(batch: Batch, nowMs: number): void;
  /**
   * Writes what is due, in one transaction; with `all`, everything it holds. Throws SqliteError, and
   * then still holds what it held. Returns how many exchanges were written to their end.
   */
  write(store: Store, nowMs: number, all?: boolean): number;
  /** Gives up what it holds: ended exchanges are forgotten (returned: how many), the others go on truncated. */
  drop(): number;
  /** The file was replaced: exchanges that go on begin anew in the next one. */
  restart(): void;
  /** True when there is something that `write` would write now. */
  due(nowMs: number): boolean;
}

export interface LedgerRules {
  readonly onlyErrors: boolean;
  readonly redactor: Redactor;
}

/** Frames wait so long for company: one compressed run instead of many. Meanwhile they are in the journal. */
const RUN_MS = 10_000;
const MOST_RUN_BYTES = 256 * 1024;
const LEAST_RUN_BYTES = 4096;
/** About so many bytes of frames of all exchanges wait in memory. */
const WAITING_BYTES = 8 * 1024 * 1024;
/** Columns of exchanges that are over are used again, so many: their memory need not be grown anew, nor collected. */
const SPARE_COLUMNS = 64;
/** What is held of one exchange until it is known whether it failed (`record: errors`). */
const HELD_BYTES = 16 * 1024 * 1024;

export function createLedger({ onlyErrors, redactor }: LedgerRules): Ledger {
  const open = new Map<number, OpenExchange>();
  const taker = createTaker(redactor, onlyErrors ? HELD_BYTES : Number.POSITIVE_INFINITY);
  /** Of the batches whose bodies are still looked at. */
  let memory: ArrayBuffer[] = [];
  const spare: FrameColumns[] = [];
  /** The first row of the journal that is needed still. */
  let journalFrom: number | undefined;

  /** At once, not when the collector comes by: it sees small objects and is in no hurry. */
  function giveBack(): void {
    if (!onlyErrors) for (const bytes of memory) bytes.transfer(0);
    memory = [];
  }

  function forget(x: number): void {
    const frames = open.get(x)?.frames;
    open.delete(x);
    if (!frames || spare.length >= SPARE_COLUMNS) return;
    frames.clear();
    spare.push(frames);
  }

  function framesDue(exchange: OpenExchange, nowMs: number, all: boolean): boolean {
    if (exchange.frames.count === 0) return false;
    if (exchange.end) return true;
    if (redactor.active && !exchange.framed) return false;
    const enough = Math.min(MOST_RUN_BYTES, Math.max(LEAST_RUN_BYTES, WAITING_BYTES / open.size));
    return all || exchange.frames.bytes >= enough || nowMs - exchange.waitingSince >= RUN_MS;
  }

  /** Frames that nothing on disk knows of. */
  function isFresh(exchange: OpenExchange): boolean {
    return exchange.frames.freshCount > 0 && (exchange.framed || !redactor.active);
  }

  function wants(exchange: OpenExchange, nowMs: number, all: boolean): boolean {
    if (onlyErrors) return exchange.end !== undefined && isFailure(exchange.end);
    return exchange.end !== undefined || isDue(exchange) || isFresh(exchange) || framesDue(exchange, nowMs, all);
  }

  /** Returns what becomes of the exchange in memory once the transaction holds. */
  function writeOne(store: Store, exchange: OpenExchange, due: boolean, journal: Journalled[]): () => void {
    const begun = exchange.seq === undefined ? begin(store, exchange, redactor) : undefined;
    const seq = begun?.seq ?? exchange.seq ?? 0;
    if (begun?.head) exchange.head = { ...begun.head, ...exchange.head };
    let part = begun?.parts ?? exchange.partsWritten;
    let frame = begun?.frames ?? exchange.framesWritten;
    for (const { kind, bytes } of exchange.bodies) {
      const messages = store.putBody(seq, kind, bytes);
      if (kind === "request" && exchange.start.session === undefined) {
        if (exchange.conversation === undefined) joinSession(store, seq, exchange.start.id, messages);
        else store.setSession(seq, redactor.text(exchange.conversation), "body", undefined);
      }
    }
    if (due) {
      const run = taker.run(exchange);
      store.putRun(seq, part, frame, run);
      part += 1;
      frame += run.count;
    } else if (isFresh(exchange)) {
      journal.push(journalled(exchange, seq, frame));
    }
    if (exchange.end) exchange.head = { ...exchange.head, details: detailsOf(exchange.end) };
    if (begun || exchange.headStale || exchange.end)
      store.putHead(seq, redactor.active ? redactHead(exchange.head, redactor) : exchange.head);
    if (exchange.end) end(store, seq, exchange, exchange.end);
    return () => {
      exchange.seq = seq;
      exchange.bodies = [];
      exchange.headStale = false;
      exchange.partsWritten = part;
      exchange.framesWritten = frame;
      if (!due) return;
      exchange.frames.clear();
      exchange.journalFrom = undefined;
    };
  }

  /** Up to before which row the journal is not needed any more; undefined when it is. */
  function journalDone(): number | undefined {
    if (journalFrom === undefined) return undefined;
    let needed = Number.MAX_SAFE_INTEGER;
    for (const exchange of open.values()) needed = Math.min(needed, exchange.journalFrom ?? needed);
    return needed > journalFrom ? needed : undefined;
  }

  function end(store: Store, seq: number, exchange: OpenExchange, op: EndOp): void {
    store.end(seq, {
      // Without the request's view: its model is in the row since the beginning.
      metrics: metricsOf(exchange.start, undefined, op.end),
      failed: isFailure(op),
      reason: op.end.reason === undefined ? undefined : redactor.text(op.end.reason),
      errorType: op.end.errorType === undefined ? undefined : redactor.text(op.end.errorType),
      toolCalls: op.end.summary.toolCalls,
      requestBytes: op.end.requestBytes,
      responseBytes: op.end.responseBytes,
      traceId: op.traceId,
      spanId: op.spanId,
      truncated: exchange.truncated || op.end.truncated,
      redacted: exchange.redacted,
      notes: redactor.active ? op.end.notes.map((note) => redactNote(note, redactor)) : op.end.notes,
      endedAt: op.endedAt,
    });
  }

  return {
    take(batch, nowMs) {
      const fields = new Float64Array(batch.fields);
      const frames = { fields, bytes: new Uint8Array(batch.bytes) };
      let taken = 0;
      /** They mostly come many of one stream together (sidecar/later.ts). */
      function takeFrames(upTo: number): void {
        while (taken < upTo) {
          const from = taken;
          const x = fields[from * FRAME_FIELDS];
          while (taken < upTo && fields[taken * FRAME_FIELDS] === x) taken += 1;
          const exchange = open.get(Math.abs(x ?? 0));
          if (exchange) taker.frames(exchange, frames, from, taken, nowMs);
        }
      }
      opsOf(batch).forEach((op, i) => {
        takeFrames(batch.framesBefore[i] ?? 0);
        const exchange = open.get(op.x);
        if (op.op === "begin") open.set(op.x, openExchange(op.start, op.resumed, spare.pop() ?? new FrameColumns()));
        else if (exchange) taker.take(exchange, batch, op);
      });
      takeFrames(batch.frames);
      memory.push(batch.bytes);
    },
    write(store, nowMs, all = false) {
      const commits: (() => void)[] = [];
      const ended: number[] = [];
      const journal: Journalled[] = [];
      let row: number | undefined;
      let written = 0;
      // Told by what is on disk for certain: what this transaction writes is not needed twice from the next one on.
      const done = journalDone();
      store.transaction(() => {
        if (done !== undefined) store.dropJournal(done);
        for (const [x, exchange] of open) {
          if (exchange.end) ended.push(x);
          if (!wants(exchange, nowMs, all)) continue;
          if (exchange.end) written += 1;
          const due = framesDue(exchange, nowMs, all);
          if (due || exchange.end || isDue(exchange)) commits.push(writeOne(store, exchange, due, journal));
          else journal.push(journalled(exchange, exchange.seq ?? 0, exchange.framesWritten));
        }
        if (journal.length > 0) row = store.putJournal(journal);
      });
      if (done !== undefined) journalFrom = done === Number.MAX_SAFE_INTEGER ? undefined : done;
      for (const commit of commits) commit();
      for (const { exchange } of journal) {
        exchange.frames.mark();
        exchange.journalFrom ??= row;
        journalFrom ??= row;
      }
      for (const x of ended) forget(x);
      giveBack();
      return written;
    },
    drop() {
      let lost = 0;
      for (const [x, exchange] of open) {
        if (exchange.end) {
          forget(x);
          lost += 1;
        } else if (exchange.frames.freshCount > 0 || exchange.bodies.length > 0) {
          exchange.frames.dropFresh();
          exchange.bodies = [];
          exchange.truncated = true;
        }
      }
      giveBack();
      return lost;
    },
    restart() {
      journalFrom = undefined;
      for (const exchange of open.values()) {
        exchange.journalFrom = undefined;
        exchange.truncated ||= exchange.seq !== undefined;
        exchange.seq = undefined;
        exchange.partsWritten = 0;
        exchange.framesWritten = 0;
      }
    },
    due: (nowMs) => journalDone() !== undefined || open.values().some((exchange) => wants(exchange, nowMs, false)),
  };
}

interface Journalled extends JournalEntry {
  readonly exchange: OpenExchange;
}

/** `frame`: how many of its frames have rows of their own. */
function journalled(exchange: OpenExchange, seq: number, frame: number): Journalled {
  const { frames } = exchange;
  return { seq, first: frame + frames.freshFirst, frames, exchange };
}

function begin(store: Store, { start, model, truncated }: OpenExchange, redactor: Redactor): Begun {
  const clean = (text: string | undefined) => (text === undefined ? undefined : redactor.text(text));
  return store.begin({
    id: start.id,
    startedAt: start.at,
    method: start.method,
    path: redactor.text(start.path),
    route: start.route,
    dialect: start.dialect,
    client: clean(start.client),
    model,
    session: clean(start.session),
    sessionSource: start.session === undefined ? undefined : "header",
    truncated,
  });
}

function isDue(exchange: OpenExchange): boolean {
  return exchange.seq === undefined || exchange.headStale || exchange.bodies.length > 0;
}

/** What of the end is neither a column nor a note. */
function detailsOf({ end }: EndOp): Readonly<Record<string, unknown>> {
  const { upstreamSentMs, firstByteMs, firstChunkMs, lastTokenMs, upstreamEndMs, overheadMs, attempts, summary } = end;
  const { id, fingerprint, stopType, slot, finishReasons, timings, chunks, error } = summary;
  return {
    upstreamSentMs,
    firstByteMs,
    firstChunkMs,
    lastTokenMs,
    upstreamEndMs,
    overheadMs,
    attempts,
    id,
    fingerprint,
    stopType,
    slot,
    ...(finishReasons.length > 1 ? { finishReasons } : {}),
    timings,
    chunks,
    error,
  };
}

/** A client that left is not an error of anybody's; neither is a shutdown that was asked for, but its reply is lost. */
function isFailure({ end }: EndOp): boolean {
  return (
    (end.outcome !== "completed" && end.outcome !== "client-gone") ||
    (end.status ?? 0) >= 400 ||
    (end.errorType !== undefined && end.outcome === "completed")
  );
}

function redactNote(note: FixNote, redactor: Redactor): FixNote {
  return {
    ...note,
    ...(note.before === undefined ? {} : { before: redactor.text(note.before) }),
    ...(note.after === undefined ? {} : { after: redactor.text(note.after) }),
    ...(note.reason === undefined ? {} : { reason: redactor.text(note.reason) }),
  };
}
