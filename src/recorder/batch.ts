import type { ExchangeEnd, ExchangeStart } from "../core/exchange.ts";
import type { RawHeaders } from "../wire/headers.ts";
import type { BodyRule } from "./redact.ts";
import type { Fault } from "./faults.ts";

/** A place in a batch's buffer. */
export interface Slice {
  readonly from: number;
  readonly size: number;
}

/** What happened to exchange `x` (a number of this run). In order per exchange. Headers and path come redacted. */
export type Op =
  | { readonly op: "begin"; readonly x: number; readonly start: ExchangeStart; readonly resumed: boolean }
  | {
      readonly op: "request";
      readonly x: number;
      readonly model: string | undefined;
      readonly conversation: string | undefined;
      readonly body: Slice | undefined;
    }
  | { readonly op: "forwarded"; readonly x: number; readonly body: Slice | undefined }
  | { readonly op: "head"; readonly x: number; readonly atMs: number; readonly status: number; readonly headers: RawHeaders }
  /** From here on bytes of the exchange are missing. */
  | { readonly op: "cut"; readonly x: number }
  | {
      readonly op: "end";
      readonly x: number;
      readonly end: ExchangeEnd;
      readonly endedAt: number;
      readonly traceId: string | undefined;
      readonly spanId: string | undefined;
    };

/**
 * Of each frame: the exchange (less than 0 for a piece of a reply that is no event stream), when it came in
 * milliseconds, where its bytes begin, their size, the size of what was sent.
 */
export const FRAME_FIELDS = 5;
/** In place of a size: what came is what was sent. Else the bytes that were sent stand behind those that came. */
export const UNCHANGED = -1;

export interface Batch {
  readonly type: "batch";
  readonly number: number;
  /** A list of Op as JSON: text crosses to another thread at a third of what objects cost. */
  readonly ops: string;
  /** For each op, how many frames were told before it. */
  readonly framesBefore: readonly number[];
  readonly frames: number;
  /** FRAME_FIELDS doubles for each frame, and room that nobody used. */
  readonly fields: ArrayBuffer;
  readonly bytes: ArrayBuffer;
}

export type ToWorker = Batch | { readonly type: "close" };

export type FromWorker =
  /** Batches up to this number are dealt with: written, or dropped and said so. */
  | {
      readonly type: "done";
      readonly number: number;
      readonly written: number;
      readonly lost: number;
      readonly dbBytes: number;
      /** Of the transaction, in milliseconds; undefined when there was none. */
      readonly tookMs: number | undefined;
    }
  | { readonly type: "fault"; readonly fault: Fault; readonly message: string }
  | { readonly type: "ok" }
  | { readonly type: "set-aside"; readonly path: string }
  | { readonly type: "closed" };

/** What the worker is started with. */
export interface WorkerSettings {
  readonly path: string;
  readonly onlyErrors: boolean;
  readonly rules: readonly BodyRule[];
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

export function opsOf(batch: Batch): readonly Op[] {
  return JSON.parse(batch.ops) as Op[];
}

export function bytesAt(batch: Batch, slice: Slice): Uint8Array {
  return new Uint8Array(batch.bytes, slice.from, slice.size);
}
