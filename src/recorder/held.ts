import type { ExchangeStart } from "../core/exchange.ts";
import { bytesAt, type Batch, type FramesOp, type Op } from "./batch.ts";
import type { StoredFrame } from "./frames.ts";
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
  frames: StoredFrame[];
  framed: boolean;
  frameBytes: number;
  waitingSince: number;
  partsWritten: number;
  framesWritten: number;
  truncated: boolean;
  redacted: boolean;
  end: EndOp | undefined;
}

/** Puts what happened into an exchange, redacted. Never fails. */
export interface Taker {
  take(exchange: OpenExchange, batch: Batch, op: Exclude<Op, { op: "begin" }>, nowMs: number): void;
  /** The frames held, ready to be written. */
  frames(exchange: OpenExchange): readonly StoredFrame[];
}

/** `maxHeld`: most bytes of frames held of one exchange; beyond it they are dropped. */
export function createTaker(redactor: Redactor, maxHeld: number): Taker {
  function redacted(exchange: OpenExchange, bytes: Uint8Array, rule: (bytes: Uint8Array) => Uint8Array): Uint8Array {
    if (!redactor.active) return bytes;
    const out = rule(bytes);
    if (out !== bytes) exchange.redacted = true;
    return out;
  }

  function take(exchange: OpenExchange, batch: Batch, op: Exclude<Op, { op: "begin" }>, nowMs: number): void {
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
      case "frames":
        takeFrames(exchange, batch, op, nowMs);
        break;
      case "cut":
        exchange.truncated = true;
        break;
      case "end":
        exchange.end = op;
        break;
    }
  }

  function takeFrames(exchange: OpenExchange, batch: Batch, op: FramesOp, nowMs: number): void {
    if (exchange.frames.length === 0) exchange.waitingSince = nowMs;
    if (exchange.framed !== op.framed) {
      exchange.framed = op.framed;
      exchange.head = { ...exchange.head, framed: op.framed };
      exchange.headStale = true;
    }
    let from = op.upstream.from;
    let sentFrom = op.sent.from;
    let nextChanged = 0;
    op.sizes.forEach((size, i) => {
      const upstream = bytesAt(batch, { from, size });
      from += size;
      let sent = upstream;
      if (op.changed[nextChanged] === i) {
        const sentSize = op.sentSizes[nextChanged++] ?? 0;
        sent = bytesAt(batch, { from: sentFrom, size: sentSize });
        sentFrom += sentSize;
      }
      if (exchange.frameBytes > maxHeld) {
        exchange.truncated = true;
        return;
      }
      // A reply that is not framed is redacted whole, at its end: where it was cut means nothing.
      const kept = op.framed ? redacted(exchange, upstream, redactor.frame) : upstream;
      exchange.frames.push({
        atUs: op.atUs[i] ?? 0,
        upstream: kept,
        sent: sent === upstream ? kept : op.framed ? redacted(exchange, sent, redactor.frame) : sent,
      });
      exchange.frameBytes += size;
    });
  }

  /** The pieces as they were when no rule applies, else one piece that holds all of the reply. */
  function wholeReply(exchange: OpenExchange): readonly StoredFrame[] {
    const before = Buffer.concat(exchange.frames.map((frame) => frame.upstream));
    const sentBefore = Buffer.concat(exchange.frames.map((frame) => frame.sent));
    const upstream = redacted(exchange, before, redactor.body);
    const sent = redacted(exchange, sentBefore, redactor.body);
    if (upstream === before && sent === sentBefore) return exchange.frames;
    const same = exchange.frames.every((frame) => frame.sent === frame.upstream);
    return [{ atUs: exchange.frames.at(-1)?.atUs ?? 0, upstream, sent: same ? upstream : sent }];
  }

  return { take, frames: (exchange) => (exchange.framed || !redactor.active ? exchange.frames : wholeReply(exchange)) };
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
    frames: [],
    framed: false,
    frameBytes: 0,
    waitingSince: 0,
    partsWritten: 0,
    framesWritten: 0,
    truncated: resumed,
    redacted: false,
    end: undefined,
  };
}
