import type { ExchangeStart } from "../core/exchange.ts";
import { bytesAt, type Batch, type Op } from "./batch.ts";
import { layRun, readRun, type LaidRun, type StoredFrame } from "./frames.ts";
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
  /** Ready to be written. */
  runs: LaidRun[];
  heldBytes: number;
  framed: boolean;
  /** A reply that is to be redacted whole, at its end: where it was cut means nothing. */
  pieces: StoredFrame[];
  partsWritten: number;
  framesWritten: number;
  truncated: boolean;
  redacted: boolean;
  end: EndOp | undefined;
}

/** Puts what happened into an exchange, redacted. Never fails. */
export interface Taker {
  take(exchange: OpenExchange, batch: Batch, op: Exclude<Op, { op: "begin" }>): void;
}

/**
 * `maxHeld`: most bytes of frames held of one exchange, beyond it they are dropped. Where there is no
 * such limit the batch's memory stays as it is until everything is written, and bytes are not copied.
 */
export function createTaker(redactor: Redactor, maxHeld: number | undefined): Taker {
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
        if (op.body) exchange.bodies.push({ kind: "request", bytes: redacted(exchange, own(bytesAt(batch, op.body)), redactor.body) });
        break;
      case "forwarded":
        if (op.body) exchange.bodies.push({ kind: "forwarded", bytes: redacted(exchange, own(bytesAt(batch, op.body)), redactor.body) });
        break;
      case "head":
        exchange.head = { ...exchange.head, response: { atMs: op.atMs, status: op.status, headers: op.headers } };
        exchange.headStale = true;
        break;
      case "run":
        takeRun(exchange, op.framed, op.frames, bytesAt(batch, op.bytes));
        break;
      case "cut":
        exchange.truncated = true;
        break;
      case "end":
        exchange.end = op;
        if (exchange.pieces.length > 0) exchange.runs.push(layRun(wholeReply(exchange)));
        exchange.pieces = [];
        break;
    }
  }

  function takeRun(exchange: OpenExchange, framed: boolean, frames: number, bytes: Uint8Array): void {
    if (exchange.framed !== framed) {
      exchange.framed = framed;
      exchange.head = { ...exchange.head, framed };
      exchange.headStale = true;
    }
    if (maxHeld !== undefined && exchange.heldBytes > maxHeld) {
      exchange.truncated = true;
      return;
    }
    exchange.heldBytes += bytes.length;
    if (!redactor.active) exchange.runs.push({ frames, bytes: own(bytes) });
    else if (framed) exchange.runs.push(layRun(readRun(bytes).map((frame) => redactFrame(exchange, frame))));
    else exchange.pieces.push(...readRun(bytes.slice()));
  }

  function own(bytes: Uint8Array): Uint8Array {
    return maxHeld === undefined ? bytes : bytes.slice();
  }

  function redactFrame(exchange: OpenExchange, { atUs, upstream, sent }: StoredFrame): StoredFrame {
    const kept = redacted(exchange, upstream, redactor.frame);
    return { atUs, upstream: kept, sent: sent === upstream ? kept : redacted(exchange, sent, redactor.frame) };
  }

  /** The pieces as they were when no rule applies, else one piece that holds all of the reply. */
  function wholeReply(exchange: OpenExchange): readonly StoredFrame[] {
    const { pieces } = exchange;
    const before = Buffer.concat(pieces.map((piece) => piece.upstream));
    const sentBefore = Buffer.concat(pieces.map((piece) => piece.sent));
    const upstream = redacted(exchange, before, redactor.body);
    const sent = redacted(exchange, sentBefore, redactor.body);
    if (upstream === before && sent === sentBefore) return pieces;
    const same = pieces.every((piece) => piece.sent === piece.upstream);
    return [{ atUs: pieces.at(-1)?.atUs ?? 0, upstream, sent: same ? upstream : sent }];
  }

  return { take };
}

/** `resumed`: an earlier worker wrote the beginning. */
export function openExchange(start: ExchangeStart, resumed: boolean): OpenExchange {
  const { httpVersion, headers, peer } = start;
  return {
    start,
    head: { httpVersion, peer, headers },
    seq: undefined,
    headStale: true,
    bodies: [],
    model: undefined,
    conversation: undefined,
    runs: [],
    heldBytes: 0,
    framed: false,
    pieces: [],
    partsWritten: 0,
    framesWritten: 0,
    truncated: resumed,
    redacted: false,
    end: undefined,
  };
}
