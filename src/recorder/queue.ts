import type { Batch, Op, Slice } from "./batch.ts";
import { createByteWriter } from "./bytes.ts";
import { createColumns, writeRun } from "./frames.ts";

/**
 * What waits to be handed to the worker, bounded by bytes. Frames wait for company in the run of
 * their exchange, the next batch is `pending`, `posted` is with the worker and not yet dealt with;
 * together they stay below the limit, but for the small change of rows, which has a reserve of its own.
 *
 * Bytes are copied as they come: nothing of an exchange is held on to, and a frame costs no object.
 */
export interface Queue {
  /** True when `bytes` more of bodies and frames fit. */
  admits(bytes: number): boolean;
  /** True when a row fits still. */
  admitsRow(): boolean;
  push(weight: number, op: Op): void;
  /** Copies a body into the batch: where it lies there, for an op that is pushed next. */
  put(bytes: Uint8Array): Slice;
  /** Where the frames of exchange `x` gather: `framed` for SSE frames, else pieces of another reply. */
  run(x: number, framed: boolean): OpenRun;
  /** Everything pending as one message, and the runs that have waited for `waitedMs`; undefined when there is nothing. */
  take(waitedMs?: number): Batch | undefined;
  /** Batches up to this number are dealt with. */
  done(number: number): void;
  /** The worker died with what it had. Returns how many exchanges ended in it and are lost. */
  abandon(): number;
  /** In the next batch already. */
  readonly pendingBytes: number;
  readonly queuedBytes: number;
  readonly queuedRecords: number;
  /** Whether frames wait that the last `take` left. */
  readonly gathering: boolean;
}

export interface OpenRun {
  /** `sent` is undefined when it was sent as it came. */
  add(atMs: number, upstream: Uint8Array, sent: readonly Uint8Array[] | undefined): void;
  /** Puts what was gathered into the next batch, ahead of what is pushed from here on. */
  hand(): void;
}

/** Weight of a row and its headers in the queue, beside its bytes. */
export const ROW_WEIGHT = 2048;
/** Weight of a frame in the queue, beside its bytes. */
export const FRAME_WEIGHT = 16;
const ROW_RESERVE = 4 * 1024 * 1024;
/** A run of this size waits no longer. */
const RUN_BYTES = 64 * 1024;

export function createQueue(maxBytes: number, nowMs: () => number = () => performance.now()): Queue {
  let ops: string[] = [];
  let ended = 0;
  const bytes = createByteWriter(16 * 1024);
  /** Runs that hold frames, and since when. */
  const open = new Map<OpenRun, number>();
  let gathered = 0;
  let pending = 0;
  let posted = 0;
  let postedRecords = 0;
  let number = 0;
  const weights = new Map<number, { bytes: number; records: number; ended: number }>();

  function push(weight: number, op: Op): void {
    ops.push(JSON.stringify(op));
    if (op.op === "end") ended += 1;
    pending += weight;
  }

  function openRun(x: number, framed: boolean): OpenRun {
    const columns = createColumns();
    let frames = 0;
    let weight = 0;
    const run: OpenRun = {
      add(atMs, upstream, sent) {
        if (frames === 0) open.set(run, nowMs());
        const other = sent ? joined(sent) : upstream;
        columns.add(Math.round(atMs * 1000), upstream, other);
        const more = upstream.length + (sent ? other.length : 0) + FRAME_WEIGHT;
        frames += 1;
        weight += more;
        gathered += more;
        if (weight >= RUN_BYTES) run.hand();
      },
      hand() {
        if (frames === 0) return;
        open.delete(run);
        const from = bytes.length;
        writeRun(bytes, columns.run());
        push(weight, { op: "run", x, framed, frames, bytes: { from, size: bytes.length - from } });
        columns.clear();
        gathered -= weight;
        frames = 0;
        weight = 0;
      },
    };
    return run;
  }

  return {
    admits: (more) => gathered + pending + posted + more <= maxBytes,
    admitsRow: () => gathered + pending + posted + ROW_WEIGHT <= maxBytes + ROW_RESERVE,
    push,
    put(body) {
      const from = bytes.length;
      bytes.bytes(body);
      return { from, size: body.length };
    },
    run: openRun,
    take(waitedMs = 0) {
      const now = nowMs();
      for (const [run, since] of open) if (now - since >= waitedMs) run.hand();
      if (ops.length === 0) return undefined;
      number += 1;
      weights.set(number, { bytes: pending, records: ops.length, ended });
      posted += pending;
      postedRecords += ops.length;
      const batch: Batch = { type: "batch", number, ops: `[${ops.join(",")}]`, bytes: bytes.take().buffer };
      ops = [];
      ended = 0;
      pending = 0;
      return batch;
    },
    done(upTo) {
      for (const [batch, weight] of weights) {
        if (batch > upTo) break;
        weights.delete(batch);
        posted -= weight.bytes;
        postedRecords -= weight.records;
      }
    },
    abandon() {
      let lost = 0;
      for (const weight of weights.values()) lost += weight.ended;
      weights.clear();
      posted = 0;
      postedRecords = 0;
      return lost;
    },
    get pendingBytes() {
      return pending;
    },
    get queuedBytes() {
      return gathered + pending + posted;
    },
    get queuedRecords() {
      return open.size + ops.length + postedRecords;
    },
    get gathering() {
      return open.size > 0;
    },
  };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  return only && parts.length === 1 ? only : Buffer.concat(parts);
}
