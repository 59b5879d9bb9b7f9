import type { ExchangeEnd, ExchangeStart } from "../core/exchange.ts";
import type { ExchangeTap } from "../core/sink.ts";
import { FRAME_WEIGHT, ROW_WEIGHT, type Queue } from "./queue.ts";
import type { RawHeaders } from "../wire/headers.ts";

export interface TraceIds {
  readonly traceId: string;
  readonly spanId: string;
}

/** What the tap of one exchange needs from its recorder. */
export interface TapParts {
  readonly queue: Queue;
  readonly redactHeaders: (headers: RawHeaders) => string[];
  readonly trace: ((exchangeId: string) => TraceIds | undefined) | undefined;
  readonly wallMs: () => number;
  /** Something was pushed. */
  readonly pushed: () => void;
  /** The queue is full: from here on the bodies of this exchange are dropped. */
  readonly full: () => void;
  readonly ended: () => void;
}

/** Follows one exchange. `start` comes redacted. */
export function createTap(x: number, start: ExchangeStart, parts: TapParts): ExchangeTap {
  const { queue, redactHeaders, pushed } = parts;
  let ids: TraceIds | undefined;
  let cut = false;

  function cutOff(): void {
    cut = true;
    parts.full();
    queue.push(0, { op: "cut", x });
    pushed();
  }

  function admits(bytes: number): boolean {
    if (cut) return false;
    if (queue.admits(bytes)) return true;
    cutOff();
    return false;
  }

  /** Telemetry begins its span beside us, in an order that is not ours: ask until there is one. */
  function lookForTrace(): void {
    ids ??= parts.trace?.(start.id);
  }

  function frame(atMs: number, framed: boolean, upstream: Uint8Array, sent: readonly Uint8Array[] | undefined): void {
    let size = upstream.length + FRAME_WEIGHT;
    if (sent) for (const part of sent) size += part.length;
    if (!admits(size)) return;
    queue.frame(x, framed, atMs, upstream, sent);
    pushed();
  }

  return {
    request(view, bytes) {
      lookForTrace();
      const body = admits(bytes.length) ? queue.put(bytes) : undefined;
      queue.push(body?.size ?? 0, { op: "request", x, model: view?.model, conversation: view?.conversation, body });
      pushed();
    },
    forwarded(bytes) {
      if (!admits(bytes.length)) return;
      queue.push(bytes.length, { op: "forwarded", x, body: queue.put(bytes) });
      pushed();
    },
    head(atMs, status, headers) {
      lookForTrace();
      queue.push(ROW_WEIGHT, { op: "head", x, atMs, status, headers: redactHeaders(headers) });
      pushed();
    },
    step(atMs, { frame: { raw }, sent }) {
      frame(atMs, true, raw, sent.length === 1 && sent[0] === raw ? undefined : sent);
    },
    repeat: (atMs, raw) => frame(atMs, true, raw, undefined),
    chunk(atMs, upstream, sent) {
      frame(atMs, false, upstream, sent === upstream ? undefined : [sent]);
    },
    end(end: ExchangeEnd) {
      lookForTrace();
      const endedAt = parts.wallMs();
      // Always: a row that was begun is ended. What is begun is bounded, and so is this.
      queue.push(ROW_WEIGHT, { op: "end", x, end, endedAt, traceId: ids?.traceId, spanId: ids?.spanId });
      parts.ended();
      pushed();
    },
  };
}
