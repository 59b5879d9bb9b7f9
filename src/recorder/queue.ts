import type { Batch, FramesOp, Op, Slice } from "./batch.ts";

export interface ByteGatherer {
  put(parts: readonly Uint8Array[]): Slice;
}

/**
 * What waits to be handed to the worker, bounded by bytes. `pending` waits here, `posted` is with
 * the worker and not yet dealt with; together they stay below the limit, but for the small change of
 * rows, which has a reserve of its own.
 */
export interface Queue {
  /** True when `bytes` more of bodies and frames fit. */
  admits(bytes: number): boolean;
  /** True when a row fits still. */
  admitsRow(): boolean;
  push(weight: number, op: (bytes: ByteGatherer) => Op): void;
  /** More weight for an op that was pushed before the last `take` and is still open. */
  grow(weight: number): void;
  /** Everything pending as one message; undefined when nothing is. */
  take(): Batch | undefined;
  /** Batches up to this number are dealt with. */
  done(number: number): void;
  /** The worker died with what it had. Returns how many exchanges ended in it and are lost. */
  abandon(): number;
  /** Counts every `take`: an op that is still open belongs to one of them. */
  readonly turn: number;
  readonly pendingBytes: number;
  readonly queuedBytes: number;
  readonly queuedRecords: number;
}

/** Weight of a row and its headers in the queue, beside its bytes. */
export const ROW_WEIGHT = 2048;
const ROW_RESERVE = 4 * 1024 * 1024;

export function createQueue(maxBytes: number): Queue {
  let ops: ((bytes: ByteGatherer) => Op)[] = [];
  let pending = 0;
  let posted = 0;
  let number = 0;
  const weights = new Map<number, { bytes: number; records: number; ended: number }>();
  let postedRecords = 0;

  return {
    admits: (bytes) => pending + posted + bytes <= maxBytes,
    admitsRow: () => pending + posted + ROW_WEIGHT <= maxBytes + ROW_RESERVE,
    push(weight, op) {
      ops.push(op);
      pending += weight;
    },
    grow(weight) {
      pending += weight;
    },
    take() {
      if (ops.length === 0) return undefined;
      number += 1;
      const gathered = createGatherer();
      const taken = ops.map((op) => op(gathered));
      weights.set(number, { bytes: pending, records: taken.length, ended: taken.filter(({ op }) => op === "end").length });
      posted += pending;
      postedRecords += taken.length;
      pending = 0;
      ops = [];
      return { type: "batch", number, ops: taken, bytes: gathered.join() };
    },
    done(upTo) {
      for (const [batch, { bytes, records }] of weights) {
        if (batch > upTo) break;
        weights.delete(batch);
        posted -= bytes;
        postedRecords -= records;
      }
    },
    abandon() {
      let lost = 0;
      for (const { ended } of weights.values()) lost += ended;
      weights.clear();
      posted = 0;
      postedRecords = 0;
      return lost;
    },
    get turn() {
      return number;
    },
    get pendingBytes() {
      return pending;
    },
    get queuedBytes() {
      return pending + posted;
    },
    get queuedRecords() {
      return ops.length + postedRecords;
    },
  };
}

function createGatherer(): ByteGatherer & { join(): ArrayBuffer } {
  const parts: Uint8Array[] = [];
  let size = 0;
  return {
    put(more) {
      const from = size;
      for (const part of more) {
        parts.push(part);
        size += part.length;
      }
      return { from, size: size - from };
    },
    join() {
      // One fresh buffer per batch: it is transferred, and the exchange's own bytes stay where they are.
      const whole = new Uint8Array(size);
      let at = 0;
      for (const part of parts) {
        whole.set(part, at);
        at += part.length;
      }
      return whole.buffer;
    },
  };
}

/** Frames of one exchange gathered until the queue is taken. Kept flat: this is the hot path. */
export interface GatheredFrames {
  readonly turn: number;
  add(atMs: number, upstream: Uint8Array, sent: readonly Uint8Array[] | undefined): void;
  readonly op: (bytes: ByteGatherer) => FramesOp;
}

export function gatherFrames(x: number, framed: boolean, turn: number): GatheredFrames {
  const times: number[] = [];
  const upstream: Uint8Array[] = [];
  const changed: number[] = [];
  const sentSizes: number[] = [];
  const others: Uint8Array[] = [];
  return {
    turn,
    add(atMs, raw, sent) {
      if (sent) {
        changed.push(times.length);
        let size = 0;
        for (const part of sent) {
          others.push(part);
          size += part.length;
        }
        sentSizes.push(size);
      }
      times.push(atMs);
      upstream.push(raw);
    },
    op(bytes) {
      return {
        op: "frames",
        x,
        framed,
        atUs: Float64Array.from(times, (atMs) => Math.round(atMs * 1000)),
        sizes: Uint32Array.from(upstream, (raw) => raw.length),
        upstream: bytes.put(upstream),
        changed,
        sentSizes,
        sent: bytes.put(others),
      };
    },
  };
}
