/**
 * The recorder: listens to exchanges on the request thread, hands what it heard to a worker in
 * batches, and lets the worker write it to one SQLite file.
 *
 * tap.ts (one exchange) -> queue.ts (bounded) -> worker.ts -> keeper.ts (the file's state) ->
 * ledger.ts (exchanges on their way) -> store.ts (rows). Reading is apart: reader.ts.
 */
import type { ExchangeStart } from "../core/exchange.ts";
import { Roster } from "../core/roster.ts";
import type { ExchangeSink } from "../core/sink.ts";
import type { FromWorker, WorkerSettings } from "./batch.ts";
import type { RecorderState } from "./faults.ts";
import { createQueue, ROW_WEIGHT } from "./queue.ts";
import { createRedactor, headerRedactor, redactPath, type BodyRule } from "./redact.ts";
import { createTap, type TraceIds } from "./tap.ts";
import { startWorker, type WorkerLink } from "./worker-link.ts";

export interface RecorderOptions {
  /** The database file; its folder is made. */
  readonly path: string;
  /** `all` (default), `errors` (only what failed; nothing is on disk before that is known), or a share of the exchanges, 0 to 1. */
  readonly record?: "all" | "errors" | number;
  /** `understood` (default): routes with a dialect. */
  readonly routes?: "understood" | "all";
  /** More secret headers, beside those that always are. */
  readonly redactHeaders?: readonly string[];
  readonly redactBodies?: readonly BodyRule[];
  /** Default 5 GB. */
  readonly maxBytes?: number;
  /** Default 14 days. */
  readonly maxAgeMs?: number;
  /** Most bytes on their way to the file. Default 32 MiB. */
  readonly maxQueueBytes?: number;
  /** Trace and span of an exchange, where telemetry is on. */
  readonly trace?: (exchangeId: string) => TraceIds | undefined;
  /** Something a person should know; the same thing at most every ten minutes. */
  readonly onNotice?: (notice: RecorderNotice) => void;
  /** Entry of the worker thread, for tests of its death. */
  readonly worker?: URL;
}

export interface RecorderNotice {
  readonly kind: "queue-full" | "degraded" | "recovered" | "set-aside" | "worker-restarted" | "failed";
  readonly message: string;
}

export interface RecorderStats {
  readonly state: RecorderState;
  /** What is wrong and the cure, while the state is not ok. */
  readonly problem: string | undefined;
  readonly queuedBytes: number;
  readonly queuedRecords: number;
  /** Exchanges written to their end. */
  readonly written: number;
  /** By reason: `queue-full` (bodies; the row is kept), `queue-full-row`, the name of a fault, `worker-died`, `shutdown`. */
  readonly dropped: Readonly<Record<string, number>>;
  readonly dbBytes: number;
  /** Where a damaged file was moved to. */
  readonly setAside: string | undefined;
}

export interface RecorderSink extends ExchangeSink, AsyncDisposable {
  stats(): RecorderStats;
  /** Durations of the transactions since the last call, in milliseconds; a thousand at most. */
  takeWriteMs(): number[];
  /** Whether all of an exchange is on its way into the file, as far as is known; until its tap has been told of the end. */
  keeps(exchangeId: string): boolean;
}

/** A batch costs what it costs, however few frames are in it; with what the relay puts off, a frame is in the file within a second. */
const FLUSH_MS = 750;
const FLUSH_BYTES = 1024 * 1024;
const CLOSE_MS = 5000;
const QUIET_MS = 600_000;
const MAX_WRITES = 1000;
const MAX_BYTES = 5_000_000_000;
const MAX_AGE_MS = 14 * 86_400_000;
const QUEUE_BYTES = 32 * 1024 * 1024;

/** Begins at once; the file is opened in the worker. Throws SyntaxError for a redaction rule that is none. */
export function createRecorder(options: RecorderOptions): RecorderSink {
  const { record = "all", routes = "understood", trace, onNotice } = options;
  const rules = options.redactBodies ?? [];
  createRedactor(rules);
  const redactHeaders = headerRedactor(options.redactHeaders ?? []);
  const queue = createQueue(options.maxQueueBytes ?? QUEUE_BYTES);
  const settings: WorkerSettings = {
    path: options.path,
    onlyErrors: record === "errors",
    rules,
    maxBytes: options.maxBytes ?? MAX_BYTES,
    maxAgeMs: options.maxAgeMs ?? MAX_AGE_MS,
  };

  const open = new Roster<{ readonly x: number; readonly start: ExchangeStart }>();
  /** Ids of open exchanges of which nothing was dropped. */
  const whole = new Set<string>();
  const dropped: Record<string, number> = {};
  const said = new Map<string, number>();
  let state: RecorderState = "starting";
  let problem: string | undefined;
  let written = 0;
  let dbBytes = 0;
  let writeMs: number[] = [];
  let setAside: string | undefined;
  let begun = 0;
  let timer: NodeJS.Timeout | undefined;

  function count(reason: string, many = 1): void {
    if (many > 0) dropped[reason] = (dropped[reason] ?? 0) + many;
  }

  /** The same thing is not said again within QUIET_MS: a disk on the edge changes its mind with every batch. */
  function say(kind: RecorderNotice["kind"], message: string): void {
    const what = kind === "degraded" ? state : kind;
    const before = said.get(what);
    const now = Date.now();
    if (before !== undefined && now - before < QUIET_MS) return;
    said.set(what, now);
    onNotice?.({ kind, message });
  }

  function heard(message: FromWorker): void {
    switch (message.type) {
      case "done":
        queue.done(message.number);
        written += message.written;
        dbBytes = message.dbBytes;
        if (message.tookMs !== undefined && writeMs.length < MAX_WRITES) writeMs.push(message.tookMs);
        if (state === "starting") state = "ok";
        count(state.startsWith("degraded:") ? state.slice("degraded:".length) : "unknown", message.lost);
        break;
      case "fault":
        state = `degraded:${message.fault}`;
        problem = message.message;
        say("degraded", `recording is degraded, traffic goes on: ${message.message}`);
        break;
      case "ok":
        state = "ok";
        problem = undefined;
        say("recovered", "recording goes on");
        break;
      case "set-aside":
        setAside = message.path;
        say("set-aside", `the recording file was damaged: it is now ${message.path}, and a new one was begun`);
        break;
      case "closed":
        break;
    }
  }

  /** What the dead worker had is lost; exchanges that go on are begun again, marked truncated. */
  function died(cause: string, restarted: boolean): void {
    count("worker-died", queue.abandon());
    if (!restarted) {
      state = "failed";
      problem = `the recorder's thread ended twice: ${cause}`;
      say("failed", `nothing is recorded from here on: ${problem}`);
      return;
    }
    say("worker-restarted", `the recorder's thread ended and was started again: ${cause}`);
    state = "starting";
    whole.clear();
    for (const { x, start } of open.members()) queue.push(ROW_WEIGHT, { op: "begin", x, start, resumed: true });
    schedule();
  }

  const link: WorkerLink = startWorker(options.worker, settings, heard, died);

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    const batch = queue.take();
    if (!batch) return;
    if (state === "failed") count("worker-died", queue.abandon());
    else link.post(batch, [batch.fields, batch.bytes]);
  }

  function schedule(): void {
    if (queue.pendingBytes >= FLUSH_BYTES) flush();
    else timer ??= setTimeout(flush, FLUSH_MS).unref();
  }

  function full(what: "body" | "row"): void {
    count(what === "body" ? "queue-full" : "queue-full-row");
    say("queue-full", "the recorder cannot keep up: bodies are dropped, rows are kept (counted in the status)");
  }

  return {
    name: "recorder",
    begin(start) {
      if (state === "failed" || state === "closed") return undefined;
      if (start.dialect === undefined && routes === "understood") return undefined;
      if (typeof record === "number" && share(start.id) >= record) return undefined;
      if (!queue.admitsRow()) {
        full("row");
        return undefined;
      }
      begun += 1;
      const x = begun;
      const clean = { ...start, path: redactPath(start.path), headers: redactHeaders(start.headers) };
      const place = open.add({ x, start: clean });
      whole.add(start.id);
      queue.push(ROW_WEIGHT, { op: "begin", x, start: clean, resumed: false });
      schedule();
      return createTap(x, clean, {
        queue,
        redactHeaders,
        trace,
        wallMs: Date.now,
        pushed: schedule,
        full: () => {
          whole.delete(start.id);
          full("body");
        },
        ended: () => {
          open.delete(place);
          whole.delete(start.id);
        },
      });
    },
    keeps: (exchangeId) => whole.has(exchangeId) && (!state.startsWith("degraded:") || state === "degraded:locked"),
    takeWriteMs() {
      const taken = writeMs;
      writeMs = [];
      return taken;
    },
    stats: () => ({
      state,
      problem,
      queuedBytes: queue.queuedBytes,
      queuedRecords: queue.queuedRecords,
      written,
      dropped: { ...dropped },
      dbBytes,
      setAside,
    }),
    async [Symbol.asyncDispose]() {
      if (state === "closed") return;
      flush();
      const clean = await link.close(CLOSE_MS);
      if (!clean) count("shutdown", queue.abandon());
      state = "closed";
    },
  };
}

/** The same share for the same id: sampling needs no dice. */
function share(id: string): number {
  let hash = 0x81_1c_9d_c5;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01_00_01_93);
  // FNV leaves its last bytes in the low bits only: mix before the high ones count.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85_eb_ca_6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2_b2_ae_35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
