import type { ExchangeStart } from "../core/exchange.ts";
import { bytesAt, FRAME_FIELDS, UNCHANGED, type Batch, type Op } from "./batch.ts";
import { ByteWriter, createByteReader } from "./bytes.ts";
import { layRun, readRun, type FrameColumns } from "./frames.ts";
import type { Head } from "./head.ts";
import type { Redactor } from "./redact.ts";
import type { BodyKind } from "./store.ts";

export type EndOp = Extract<Op, { op: "end" }>;

/** One exchange on its way to the file: what is written of it, and what is held. */
export interface OpenExchange {
  readonly start: ExchangeStart;
  head: Head;
  seq: number | undefined;
  headStale: boolean;
  bodies: { kind: BodyKind; bytes: Uint8Array }[];
  model: string | undefined;
  conversation: string | undefined;
  readonly frames: FrameColumns;
  framed: boolean;
  waitingSince: number;
  partsWritten: number;
  framesWritten: number;
  /** The first row of the journal that holds some of `frames`. */
  journalFrom: number | undefined;
  truncated: boolean;
  redacted: boolean;
  end: EndOp | undefined;
}

/** The frames of a batch, see FRAME_FIELDS. */
export interface BatchFrames {
  readonly fields: Float64Array;
  readonly bytes: Uint8Array;
}

/** Puts what happened into an exchange, redacted. Never fails. */
export interface Taker {
  take(exchange: OpenExchange, batch: Batch, op: Exclude<Op, { op: "begin" }>): void;
  /** Frames of one exchange that lie behind one another: `from` and `to` are their numbers. Copies the bytes. */
  frames(exchange: OpenExchange, frames: BatchFrames, from: number, to: number, nowMs: number): void;
  /** The frames held, ready to be written. */
  run(exchange: OpenExchange): FrameColumns;
}

/** `maxHeld`: most bytes of frames held of one exchange; beyond it they are dropped. */
export function createTaker(redactor: Redactor, maxHeld: number): Taker {
  function redacted(exchange: OpenExchange, bytes: Uint8Array, rule: (bytes: Uint8Array) => Uint8Array): Uint8Array {
    if (!redactor.active) return bytes;
    const out = rule(bytes);
    if (out !== bytes) exchange.redacted = true;
    return out;
  }

  function take(exchange: OpenExchange, batch: Batch, op: Exclude<Op, { op: "begin" }>): void {
    switch (op.op) {
      case "request":
        exchange.model = op.model;
        exchange.conversation = op.conversation;
        if (op.body) exchange.bodies.push({ kind: "request", bytes: redacted(exchange, bytesAt(batch, op.body), redactor.body) });
        break;
      case "forwarded":
        if (op.body) exchange.bodies.push({ kind: "forwarded", bytes: redacted(exchange, bytesAt(batch, op.body), redactor.body) });
        break;
      case "head":
        exchange.head = { ...exchange.head, response: { atMs: op.atMs, status: op.status, headers: op.headers } };
        exchange.headStale = true;
        break;
      case "cut":
        exchange.truncated = true;
        break;
      case "end":
        exchange.end = op;
        break;
    }
  }

  function takeFrames(exchange: OpenExchange, { fields, bytes }: BatchFrames, first: number, end: number, nowMs: number): void {
    const { frames } = exchange;
    const framed = (fields[first * FRAME_FIELDS] ?? 0) > 0;
    if (frames.count === 0) exchange.waitingSince = nowMs;
    if (exchange.framed !== framed) {
      exchange.framed = framed;
      exchange.head = { ...exchange.head, framed };
      exchange.headStale = true;
    }
    if (frames.bytes > maxHeld) {
      exchange.truncated = true;
      return;
    }
    // A reply that is not framed is redacted whole, at its end: where it was cut means nothing.
    const rule = framed && redactor.active ? redactor.frame : undefined;
    let number = first;
    while (number < end) {
      const whole = number;
      if (!rule) number = frames.addStretch(fields, number, end, bytes);
      if (number === whole) single(exchange, fields, bytes, number++, rule);
    }
  }

  function single(
    exchange: OpenExchange,
    fields: Float64Array,
    bytes: Uint8Array,
    number: number,
    rule: Redactor["frame"] | undefined,
  ): void {
    const at = number * FRAME_FIELDS;
    const from = fields[at + 2] ?? 0;
    const to = from + (fields[at + 3] ?? 0);
    const sentSize = fields[at + 4] ?? UNCHANGED;
    const upstream = bytes.subarray(from, to);
    const sent = sentSize === UNCHANGED ? upstream : bytes.subarray(to, to + sentSize);
    const kept = rule ? redacted(exchange, upstream, rule) : upstream;
    const keptSent = sent === upstream ? kept : rule ? redacted(exchange, sent, rule) : sent;
    exchange.frames.add(Math.round((fields[at + 1] ?? 0) * 1000), kept, keptSent);
  }

  /** The pieces as they were when no rule applies, else one piece that holds all of the reply. */
  function wholeReply(exchange: OpenExchange): FrameColumns {
    const written = new ByteWriter(exchange.frames.bytes);
    exchange.frames.write(written);
    const pieces = readRun(createByteReader(written.view()));
    const upstreamBefore = Buffer.concat(pieces.map((piece) => piece.upstream));
    const changed = pieces.some((piece) => piece.sent !== piece.upstream);
    const sentBefore = changed ? Buffer.concat(pieces.map((piece) => piece.sent)) : upstreamBefore;
    const upstream = redacted(exchange, upstreamBefore, redactor.body);
    const sent = changed ? redacted(exchange, sentBefore, redactor.body) : upstream;
    if (upstream === upstreamBefore && sent === sentBefore) return exchange.frames;
    return layRun([{ atUs: pieces.at(-1)?.atUs ?? 0, upstream, sent }]);
  }

  return {
    take,
    frames: takeFrames,
    run: (exchange) => (exchange.framed || !redactor.active ? exchange.frames : wholeReply(exchange)),
  };
}

/** `resumed`: an earlier worker wrote the beginning. `frames` are empty. */
export function openExchange(start: ExchangeStart, resumed: boolean, frames: FrameColumns): OpenExchange {
  const { httpVersion, headers, peer } = start;
  return {
    start,
    head: { httpVersion, peer, headers },
    seq: undefined,
    headStale: true,
    bodies: [],
    model: undefined,
    conversation: undefined,
    frames,
    framed: false,
    waitingSince: 0,
    partsWritten: 0,
    framesWritten: 0,
    journalFrom: undefined,
    truncated: resumed,
    redacted: false,
    end: undefined,
  };
}
