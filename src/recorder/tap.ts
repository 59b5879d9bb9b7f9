import type { ExchangeEnd, ExchangeStart } from "../core/exchange.ts";
import type { RequestView } from "../core/delta.ts";
import { metricsOf } from "../core/metrics.ts";
import type { ExchangeTap } from "../core/sink.ts";
import { gatherFrames, ROW_WEIGHT, type GatheredFrames, type Queue } from "./queue.ts";
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

/** Follows one exchange. `start` comes redacted. Keeps references to bytes until the queue is taken. */
export function createTap(x: number, start: ExchangeStart, parts: TapParts): ExchangeTap {
  const { queue, redactHeaders, pushed } = parts;
  let view: RequestView | undefined;
  let ids: TraceIds | undefined;
  let cut = false;
  let frames: GatheredFrames | undefined;

  function cutOff(): void {
    cut = true;
    frames = undefined;
    parts.full();
    queue.push(0, () => ({ op: "cut", x }));
    pushed();
  }

  function body(bytes: Uint8Array): boolean {
    if (cut) return false;
    if (queue.admits(bytes.length)) return true;
    cutOff();
    return false;
  }

  /** Telemetry begins its span beside us, in an order that is not ours: ask until there is one. */
  function lookForTrace(): void {
    ids ??= parts.trace?.(start.id);
  }

  function gather(atMs: number, framed: boolean, upstream: Uint8Array, sent: readonly Uint8Array[] | undefined): void {
    if (cut) return;
    let weight = upstream.length + 16;
    if (sent) for (const part of sent) weight += part.length;
    if (!queue.admits(weight)) return cutOff();
    if (!frames || frames.turn !== queue.turn) {
      const fresh = gatherFrames(x, framed, queue.turn);
      frames = fresh;
      queue.push(weight, (bytes) => fresh.op(bytes));
    } else {
      queue.grow(weight);
    }
    frames.add(atMs, upstream, sent);
    pushed();
  }

  return {
    request(requestView, bytes) {
      view = requestView;
      lookForTrace();
      const keeps = body(bytes);
      queue.push(keeps ? bytes.length : 0, (gatherer) => ({
        op: "request",
        x,
        model: requestView?.model,
        conversation: requestView?.conversation,
        body: keeps ? gatherer.put([bytes]) : undefined,
      }));
      pushed();
    },
    forwarded(bytes) {
      const keeps = body(bytes);
      if (!keeps) return;
      queue.push(bytes.length, (gatherer) => ({ op: "forwarded", x, body: gatherer.put([bytes]) }));
      pushed();
    },
    head(atMs, status, headers) {
      lookForTrace();
      const redacted = redactHeaders(headers);
      queue.push(ROW_WEIGHT, () => ({ op: "head", x, atMs, status, headers: redacted }));
      pushed();
    },
    step(atMs, step) {
      const { frame, sent } = step;
      gather(atMs, true, frame.raw, sent.length === 1 && sent[0] === frame.raw ? undefined : sent);
    },
    chunk(atMs, upstream, sent) {
      gather(atMs, false, upstream, sent === upstream ? undefined : [sent]);
    },
    end(end: ExchangeEnd) {
      lookForTrace();
      const metrics = metricsOf(start, view, end);
      const endedAt = parts.wallMs();
      frames = undefined;
      // Always: a row that was begun is ended. What is begun is bounded, and so is this.
      queue.push(ROW_WEIGHT, () => ({ op: "end", x, end, metrics, endedAt, traceId: ids?.traceId, spanId: ids?.spanId }));
      parts.ended();
      pushed();
    },
  };
}
