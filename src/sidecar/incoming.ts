/**
 * The backend's reply on its way to the client: streamed, whole or raw, as fixes/treatment.ts
 * decides from its head. The client's head goes out at once for streamed and raw ones.
 */
import type { RequestView } from "../core/delta.ts";
import type { FixNote, Step } from "../core/exchange.ts";
import type { ExchangeTap } from "../core/sink.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { fixDocument } from "../fixes/document.ts";
import { createExpress } from "../fixes/express.ts";
import type { FixPlan } from "../fixes/fix.ts";
import { createStreamPipeline, type StreamPipeline } from "../fixes/pipeline.ts";
import { isEncoded, treatmentOf } from "../fixes/treatment.ts";
import { headerOf, isJsonType, mediaType, withoutHeaders, withoutHopByHop, type RawHeaders } from "../wire/headers.ts";
import { parseOrUndefined } from "../wire/json.ts";
import type { Ledger } from "./ledger.ts";
import type { Refusal } from "./refusals.ts";
import type { Limits } from "./parts.ts";
import type { Reply } from "./reply.ts";
import { later } from "./later.ts";

export interface Head {
  readonly status: number;
  readonly reason: string | undefined;
  /** As the backend sent them. */
  readonly headers: RawHeaders;
  readonly ownHeader: readonly string[];
}

export interface IncomingParts {
  readonly dialect: Dialect | undefined;
  readonly view: RequestView | undefined;
  readonly plan: FixPlan;
  readonly limits: Limits;
  readonly reply: Reply;
  readonly ledger: Ledger;
  readonly tap: ExchangeTap | undefined;
  readonly elapsed: () => number;
  /** Made ahead for this reply, if it is a stream. */
  readonly pipeline: StreamPipeline | undefined;
  /** HEAD, 204, 304: a head and nothing else, whatever content-length says. */
  readonly bodyless: boolean;
}

export interface Incoming {
  notes(): readonly FixNote[];
  /** `atMs`: when it came; `framed`: with the chunk framing it came in, where that is known. False: the client is full. */
  data(chunk: Buffer, atMs: number, framed?: Buffer): boolean;
  end(trailers: RawHeaders): void;
  /** The backend or we ended it midway: the last words, where the API has a form for them. */
  fail(refusal: Refusal): void;
  /** The client left: what was still being read is handed to the listeners, nothing is written. */
  cut(): void;
  /** Reads what went out unread, so that the ledger knows it. */
  catchUp(): void;
}

export function receive(head: Head, parts: IncomingParts): Incoming {
  const { dialect, view } = parts;
  const treatment = parts.bodyless ? "raw" : treatmentOf(head, dialect, view);
  if (dialect && view && treatment === "stream") return streamed(head, parts, dialect, view);
  // With nothing that could change it, a whole reply need not be waited for.
  if (dialect && view && treatment === "whole" && parts.plan.length > 0) return whole(head, parts, dialect, view);
  if (dialect && isEncoded(head.headers)) {
    parts.ledger.notes.push({ fix: "sidecar", action: "skipped", target: "frame", reason: "the reply is compressed: relayed unread" });
    return raw(head, parts, undefined);
  }
  return raw(head, parts, isJsonType(headerOf(head.headers, "content-type")) ? dialect : undefined);
}

/** `length`: of the body, when it is known and the backend's may not be used. */
function sendHead(head: Head, { reply, bodyless }: IncomingParts, changed: { readonly length: number | undefined } | undefined): void {
  let headers = withoutHopByHop(head.headers);
  const announced = headerOf(headers, "content-length");
  let length = announced === undefined ? undefined : Number(announced);
  if (changed) {
    length = changed.length;
    if (length === undefined) headers = withoutHeaders(headers, new Set(["content-length"]));
    else if (announced === undefined) headers.push("Content-Length", String(length));
    else headers = headers.map((text, i) => (i % 2 === 1 && headers[i - 1]?.toLowerCase() === "content-length" ? String(length) : text));
  }
  headers.push(...head.ownHeader);
  // A switch of protocols is refused with 426, which must say what it wants instead.
  const upgrade = head.status === 426 ? headerOf(head.headers, "upgrade") : undefined;
  if (upgrade !== undefined) headers.push("Upgrade", upgrade);
  reply.head(head.status, head.reason, headers, !bodyless, length);
}

function streamed(head: Head, parts: IncomingParts, dialect: Dialect, view: RequestView): Incoming {
  const { reply, ledger, tap, elapsed } = parts;
  const listened = tap !== undefined;
  const express = createExpress(parts.pipeline ?? createStreamPipeline(parts.plan, dialect, view, parts.limits), {
    onStep,
    onRepeat: tap?.step && !tap.repeat ? undefined : onRepeat,
    listened,
  });
  const reads = listened || parts.plan.length > 0;
  let queued = false;
  ledger.streamed = true;
  // The fixes may change the length of the body, so an announced one cannot be promised.
  sendHead(head, parts, { length: undefined });

  function onStep(at: number, step: Step): void {
    ledger.sawStep(at, step);
    tap?.step?.(at, step);
  }

  function onRepeat(at: number, raw: Uint8Array, said: Step): void {
    ledger.sawStep(at, said);
    tap?.repeat?.(at, raw);
  }

  function catchUpLater(): void {
    if (queued) return;
    queued = true;
    later(catchUp);
  }

  function catchUp(): void {
    queued = false;
    const from = elapsed();
    express.catchUp();
    ledger.fixingMs += elapsed() - from;
  }

  return {
    notes: () => express.notes(),
    data(chunk, atMs, framed) {
      if (express.takes(chunk, atMs)) {
        if (reads) catchUpLater();
        return reply.write(chunk, framed);
      }
      const sent = express.push(chunk, atMs);
      ledger.fixingMs += elapsed() - atMs;
      catchUpLater();
      return reply.writeAll(sent);
    },
    end(trailers) {
      reply.writeAll(express.end(false, elapsed()));
      reply.end(withoutHopByHop(trailers));
    },
    fail(refusal) {
      const at = elapsed();
      reply.writeAll(express.end(true, at));
      // Behind the API's end mark nobody reads on, and nothing is missing.
      if (ledger.done) return;
      const frame = dialect.errorFrame(refusal.message, refusal.type);
      onStep(at, { frame: { raw: new Uint8Array(0), event: undefined, data: undefined }, deltas: [], out: [], sent: [frame.raw] });
      reply.write(frame.raw);
    },
    cut() {
      express.end(true, elapsed());
    },
    catchUp,
  };
}

function whole(head: Head, parts: IncomingParts, dialect: Dialect, view: RequestView): Incoming {
  const { reply, ledger, tap, elapsed } = parts;
  const chunks: Buffer[] = [];
  let bytes = 0;
  let beyond: Incoming | undefined;
  let notes: readonly FixNote[] = [];

  return {
    notes: () => beyond?.notes() ?? notes,
    data(chunk, atMs) {
      if (beyond) return beyond.data(chunk, atMs);
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes <= parts.limits.replyBytes) return true;
      ledger.notes.push({
        fix: "sidecar",
        action: "skipped",
        target: "frame",
        reason: `reply above ${parts.limits.replyBytes} bytes: relayed unread`,
      });
      beyond = raw(head, parts, undefined);
      let room = true;
      for (const held of chunks.splice(0)) room = beyond.data(held, atMs);
      return room;
    },
    end(trailers) {
      if (beyond) {
        beyond.end(trailers);
        return;
      }
      const upstream = Buffer.concat(chunks, bytes);
      const from = elapsed();
      const fixed = fixDocument(parts.plan, dialect, view, upstream);
      ledger.fixingMs += elapsed() - from;
      notes = fixed.notes;
      ledger.sawDeltas(fixed.deltas, fixed.out);
      sendHead(head, parts, fixed.sent === upstream ? undefined : { length: fixed.sent.length });
      tap?.chunk?.(elapsed(), upstream, fixed.sent);
      reply.write(fixed.sent);
      reply.end(withoutHopByHop(trailers));
    },
    // No byte has gone out, unless it grew beyond the limit: then the cut speaks for itself.
    fail() {},
    cut() {
      if (!beyond && bytes > 0) tap?.chunk?.(elapsed(), Buffer.concat(chunks, bytes), new Uint8Array(0));
    },
    catchUp() {},
  };
}

/** Bodies above this are not read for their numbers. */
const MAX_READ_BYTES = 4 * 1024 * 1024;

function raw(head: Head, parts: IncomingParts, dialect: Dialect | undefined): Incoming {
  const { reply, ledger, tap } = parts;
  let read: Buffer[] | undefined = dialect ? [] : undefined;
  let bytes = 0;
  ledger.streamed = mediaType(headerOf(head.headers, "content-type")) === "text/event-stream";
  sendHead(head, parts, undefined);
  return {
    notes: () => [],
    data(chunk, atMs, framed) {
      tap?.chunk?.(atMs, chunk, chunk);
      if (read) {
        bytes += chunk.length;
        if (bytes <= MAX_READ_BYTES) read.push(chunk);
        else read = undefined;
      }
      return reply.write(chunk, framed);
    },
    end(trailers) {
      if (dialect && read) ledger.sawDeltas(dialect.readDocument(parseOrUndefined(Buffer.concat(read, bytes).toString("utf8"))));
      reply.end(withoutHopByHop(trailers));
    },
    fail() {},
    cut() {},
    catchUp() {},
  };
}
