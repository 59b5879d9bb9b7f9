import { FRAME_FIELDS, opsOf, type Batch } from "./batch.ts";
import { cutBody, type CutBody } from "./body.ts";
import { detailsOf, endingOf, isFailure } from "./ending.ts";
import type { ExchangeEnding } from "./exchange-row.ts";
import { FrameColumns } from "./frames.ts";
import { redactHead } from "./head.ts";
import { createTaker, openExchange, type OpenExchange } from "./held.ts";
import type { JournalEntry } from "./journal.ts";
import { sessionOfLineage, type Session } from "./lineage.ts";
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
/** Columns of exchanges that are over are used again, up to so many bytes: else they are grown anew, and V8 collects garbage for it. */
const SPARE_BYTES = WAITING_BYTES;
/** What is held of one exchange until it is known whether it failed (`record: errors`). */
const HELD_BYTES = 16 * 1024 * 1024;

export function createLedger({ onlyErrors, redactor }: LedgerRules): Ledger {
  const open = new Map<number, OpenExchange>();
  const taker = createTaker(redactor, onlyErrors ? HELD_BYTES : Number.POSITIVE_INFINITY);
  /** Of the batches whose bodies are still looked at. */
  let memory: ArrayBuffer[] = [];
  const spare: FrameColumns[] = [];
  let spareBytes = 0;
  /** The first row of the journal that is needed still. */
  let journalFrom: number | undefined;

  /** At once, not when the collector comes by: it sees small objects and is in no hurry, and then collects more often. */
  function giveBack(): void {
    if (!onlyErrors) for (const bytes of memory) bytes.transfer(0);
    memory = [];
  }

  function forget(x: number): void {
    const frames = open.get(x)?.frames;
    open.delete(x);
    frames?.clear();
    if (!frames || spareBytes + frames.capacity > SPARE_BYTES) return;
    spareBytes += frames.capacity;
    spare.push(frames);
  }

  function newColumns(): FrameColumns {
    const frames = spare.pop();
    if (frames) spareBytes -= frames.capacity;
    return frames ?? new FrameColumns();
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
    // First of all: a reply that is redacted whole is redacted now, and its row says so.
    const run = due ? taker.run(exchange) : undefined;
    const bodies = exchange.bodies.map(({ kind, bytes }) => ({ kind, cut: cutBody(bytes) }));
    const session = sessionOf(store, exchange, bodies.find(({ kind }) => kind === "request")?.cut);
    const ending = exchange.end && endingOf(exchange, exchange.end, redactor);
    const begun = exchange.seq === undefined ? begin(store, exchange, session, ending) : undefined;
    const seq = begun?.seq ?? exchange.seq ?? 0;
    if (begun?.head) exchange.head = { ...begun.head, ...exchange.head };
    let part = begun?.parts ?? exchange.partsWritten;
    let frame = begun?.frames ?? exchange.framesWritten;
    for (const { kind, cut } of bodies) store.putBody(seq, kind, cut);
    if (!begun && session && session.source !== "header") store.setSession(seq, session);
    if (run) {
      store.putRun(seq, part, frame, run);
      part += 1;
      frame += run.count;
    } else if (isFresh(exchange)) {
      journal.push(journalled(exchange, seq, frame));
    }
    if (exchange.end) exchange.head = { ...exchange.head, details: detailsOf(exchange.end) };
    if (begun || exchange.headStale || exchange.end)
      store.putHead(seq, redactor.active ? redactHead(exchange.head, redactor) : exchange.head);
    if (!begun && ending) store.end(seq, ending);
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

  /** The session that the headers or the request's body name, or its messages. */
  function sessionOf(store: Store, { start, conversation }: OpenExchange, request: CutBody | undefined): Session | undefined {
    if (start.session !== undefined) return { name: redactor.text(start.session), source: "header", lineage: undefined };
    if (!request) return undefined;
    if (conversation === undefined) return sessionOfLineage(store, start.id, request.messages);
    return { name: redactor.text(conversation), source: "body", lineage: undefined };
  }

  function begin(
    store: Store,
    { start, model, truncated }: OpenExchange,
    session: Session | undefined,
    ending: ExchangeEnding | undefined,
  ): Begun {
    const row = {
      id: start.id,
      startedAt: start.at,
      method: start.method,
      path: redactor.text(start.path),
      route: start.route,
      dialect: start.dialect,
      client: start.client === undefined ? undefined : redactor.text(start.client),
      model,
      session,
      truncated,
    };
    return store.begin(row, ending);
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
        if (op.op === "begin") open.set(op.x, openExchange(op.start, op.resumed, newColumns()));
        else if (exchange) taker.take(exchange, batch, op);
      });
      takeFrames(batch.frames);
      batch.fields.transfer(0);
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

function isDue(exchange: OpenExchange): boolean {
  return exchange.seq === undefined || exchange.headStale || exchange.bodies.length > 0;
}
