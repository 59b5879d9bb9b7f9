import type { IncomingMessage } from "node:http";

/** A request body: whole, or too large to be held and therefore a stream. */
export type Admitted =
  | { readonly kind: "whole"; readonly body: Buffer }
  /** `body` gives what was read so far and then the rest; nothing of it is kept. */
  | { readonly kind: "stream"; readonly body: AsyncIterable<Uint8Array> };

/** Whether the message has a body at all (RFC 9112 section 6.3). */
export function hasBody(request: IncomingMessage): boolean {
  return request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0;
}

/** Reads a body of at most `limit` bytes; a larger one becomes a stream. Rejects when the client leaves. */
export async function admit(request: IncomingMessage, limit: number): Promise<Admitted> {
  if (!hasBody(request)) return { kind: "whole", body: Buffer.alloc(0) };
  const announced = Number(request.headers["content-length"]);
  if (announced > limit) return { kind: "stream", body: bodyOf(request) };
  const { promise, resolve, reject } = Promise.withResolvers<Admitted>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  function detach(): void {
    request.off("data", onData).off("end", onEnd).off("close", onClose).off("error", onClose);
  }
  function onData(chunk: Buffer): void {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes <= limit) return;
    detach();
    request.pause();
    resolve({ kind: "stream", body: chain(chunks, bodyOf(request)) });
  }
  function onEnd(): void {
    detach();
    resolve({ kind: "whole", body: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, bytes) });
  }
  function onClose(): void {
    detach();
    reject(new Error("the client left before its request was complete"));
  }
  request.on("data", onData).on("end", onEnd).on("close", onClose).on("error", onClose);
  return promise;
}

/**
 * The body as an iterable that leaves the socket alone when its reader stops early: undici destroys
 * a stream it is given, and with it the client's connection, on which the refusal has yet to go out.
 */
export function bodyOf(request: IncomingMessage): AsyncIterable<Uint8Array> {
  return request.iterator({ destroyOnReturn: false });
}

/** Shows each chunk of a body to `see` before it goes on. */
export async function* watch(body: AsyncIterable<Uint8Array>, see: (chunk: Uint8Array) => void): AsyncIterable<Uint8Array> {
  for await (const chunk of body) {
    see(chunk);
    yield chunk;
  }
}

/** Gives `have` the body when it is over, without what goes beyond `limit` bytes. */
export async function* keep(
  body: AsyncIterable<Uint8Array>,
  limit: number,
  have: (whole: Buffer, isCut: boolean) => void,
): AsyncIterable<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes <= limit) chunks.push(chunk);
    yield chunk;
  }
  have(Buffer.concat(chunks), bytes > limit);
}

async function* chain(first: readonly Uint8Array[], rest: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  yield* first;
  yield* rest;
}
