import { FRAME_FIELDS, UNCHANGED, type Batch, type Op, type Slice } from "./batch.ts";

/**
 * What waits to be handed to the worker, bounded by bytes. `pending` waits here, `posted` is with
 * the worker and not yet dealt with; together they stay below the limit, but for the small change of
 * rows, which has a reserve of its own.
 *
 * Bytes are copied into the next batch as they come: nothing of an exchange is held on to, and a
 * frame costs no object.
 */
export interface Queue {
  /** True when `bytes` more of bodies and frames fit. */
  admits(bytes: number): boolean;
  /** True when a row fits still. */
  admitsRow(): boolean;
  push(weight: number, op: Op): void;
  /** Copies a body into the batch: where it lies there, for an op that is pushed next. */
  put(bytes: Uint8Array): Slice;
  /** One frame or piece of a reply; `sent` is undefined when it was sent as it came. */
  frame(x: number, framed: boolean, atMs: number, upstream: Uint8Array, sent: readonly Uint8Array[] | undefined): void;
  /** Everything pending as one message; undefined when nothing is. */
  take(): Batch | undefined;
  /** Batches up to this number are dealt with. */
  done(number: number): void;
  /** The worker died with what it had. Returns how many exchanges ended in it and are lost. */
  abandon(): number;
  readonly pendingBytes: number;
  readonly queuedBytes: number;
  /** Rows and ends; the frames of one batch count as one. */
  readonly queuedRecords: number;
}

/** Weight of a row and its headers in the queue, beside its bytes. */
export const ROW_WEIGHT = 2048;
/** Weight of a frame beside its bytes: its fields. */
export const FRAME_WEIGHT = FRAME_FIELDS * Float64Array.BYTES_PER_ELEMENT;
const ROW_RESERVE = 4 * 1024 * 1024;
const LEAST_BYTES = 16 * 1024;
const MOST_BYTES = 1024 * 1024;
const LEAST_FRAMES = 64;

export function createQueue(maxBytes: number): Queue {
  let ops: string[] = [];
  let framesBefore: number[] = [];
  let ended = 0;
  let bytes = new Uint8Array(0);
  let used = 0;
  let fields = new Float64Array(0);
  let frames = 0;
  /** What the last batch needed: the next one will need about as much. */
  let usual = { bytes: LEAST_BYTES, frames: LEAST_FRAMES };

  let pending = 0;
  let posted = 0;
  let postedRecords = 0;
  let number = 0;
  const weights = new Map<number, { bytes: number; records: number; ended: number }>();

  function room(more: number): void {
    if (used + more <= bytes.length) return;
    const bigger = new Uint8Array(Math.max(usual.bytes, bytes.length * 2, used + more));
    bigger.set(bytes.subarray(0, used));
    bytes = bigger;
  }

  function append(part: Uint8Array): void {
    bytes.set(part, used);
    used += part.length;
  }

  function roomForFrame(): void {
    if ((frames + 1) * FRAME_FIELDS <= fields.length) return;
    const bigger = new Float64Array(Math.max(usual.frames, frames * 2) * FRAME_FIELDS);
    bigger.set(fields);
    fields = bigger;
  }

  return {
    admits: (more) => pending + posted + more <= maxBytes,
    admitsRow: () => pending + posted + ROW_WEIGHT <= maxBytes + ROW_RESERVE,
    push(weight, op) {
      ops.push(JSON.stringify(op));
      framesBefore.push(frames);
      if (op.op === "end") ended += 1;
      pending += weight;
    },
    put(body) {
      room(body.length);
      const from = used;
      append(body);
      return { from, size: body.length };
    },
    frame(x, framed, atMs, upstream, sent) {
      let sentSize = UNCHANGED;
      if (sent) {
        sentSize = 0;
        for (const part of sent) sentSize += part.length;
      }
      const size = upstream.length + Math.max(0, sentSize);
      room(size);
      roomForFrame();
      const at = frames * FRAME_FIELDS;
      fields[at] = framed ? x : -x;
      fields[at + 1] = atMs;
      fields[at + 2] = used;
      fields[at + 3] = upstream.length;
      fields[at + 4] = sentSize;
      frames += 1;
      append(upstream);
      if (sent) for (const part of sent) append(part);
      pending += size + FRAME_WEIGHT;
    },
    take() {
      if (ops.length === 0 && frames === 0) return undefined;
      number += 1;
      const records = ops.length + Math.min(1, frames);
      weights.set(number, { bytes: pending, records, ended });
      posted += pending;
      postedRecords += records;
      const batch: Batch = {
        type: "batch",
        number,
        ops: `[${ops.join(",")}]`,
        framesBefore,
        frames,
        fields: fields.buffer,
        bytes: bytes.buffer,
      };
      usual = { bytes: Math.min(MOST_BYTES, Math.max(LEAST_BYTES, used)), frames: Math.max(LEAST_FRAMES, frames) };
      ops = [];
      framesBefore = [];
      ended = 0;
      bytes = new Uint8Array(0);
      used = 0;
      fields = new Float64Array(0);
      frames = 0;
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
      return pending + posted;
    },
    get queuedRecords() {
      return ops.length + Math.min(1, frames) + postedRecords;
    },
  };
}
