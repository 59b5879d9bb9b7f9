/**
 * A way around undici's parser for what it has nothing to say about. Once it has read a reply's head, each read from
 * the socket that is whole chunks and nothing else goes straight to the exchange; undici gets everything
 * else (the head, cut chunks, the last one, the close), always at a chunk's border, so that it ends the reply as ever.
 * A fifth of what a paced frame costs was the parser and node's stream in front of it.
 */
import type { Socket } from "node:net";
import { ChunkedBody, endOfHead } from "../wire/chunked.ts";

export interface ChunkSink {
  /** False: undici is to have it, because the exchange is over or holds the backend back. */
  ready(): boolean;
  /** `framed`: the chunk with its size line, as it came. */
  chunk(data: Buffer, framed: Buffer): void;
}

/** One connection's. */
export interface Bypass {
  /** Looks at what `socket` reads from now on. */
  attach(socket: Socket): void;
  /** A request goes out: what is read from now on is its reply. */
  begin(): void;
  /** undici has read the head. With a sink the body is chunked, and the sink gets what it can. */
  open(sink: ChunkSink | undefined): void;
}

/** A head that takes more than this is not waited for. */
const MAX_HEAD_BYTES = 64 * 1024;

export function createBypass(): Bypass {
  /** What came since the request went out, until the head is through. */
  let before: Buffer[] | undefined;
  let beforeBytes = 0;
  let sink: ChunkSink | undefined;
  let body = new ChunkedBody();

  /** True: undici is not to see it. */
  function takes(read: Buffer, socket: Socket): boolean {
    if (before) {
      beforeBytes += read.length;
      if (beforeBytes <= MAX_HEAD_BYTES) before.push(read);
      else before = undefined;
      return false;
    }
    if (!sink) return false;
    if (!body.between || socket.readableLength > 0 || !sink.ready() || !isWholeChunks(read)) {
      body.pass(read);
      if (!body.followed) sink = undefined;
      return false;
    }
    for (let at = 0; at < read.length;) {
      const end = body.endOfChunk(read, at);
      sink.chunk(read.subarray(body.dataAt, body.dataEnd), read.subarray(at, end));
      at = end;
    }
    return true;
  }

  function isWholeChunks(read: Buffer): boolean {
    let end = 0;
    while (end >= 0 && end < read.length) end = body.endOfChunk(read, end);
    return end > 0;
  }

  return {
    attach(socket) {
      const push = socket.push.bind(socket);
      // Named before it is written into a property (upstream.ts tells why).
      const pushed: typeof push = (read: Buffer | null, encoding) => (read !== null && takes(read, socket)) || push(read, encoding);
      socket.push = pushed;
    },
    begin() {
      before = [];
      beforeBytes = 0;
      sink = undefined;
    },
    open(to) {
      const came = before && Buffer.concat(before, beforeBytes);
      before = undefined;
      if (!came || !to) return;
      const bodyAt = endOfHead(came);
      if (bodyAt < 0) return;
      body = new ChunkedBody();
      body.pass(came, bodyAt);
      sink = to;
    },
  };
}
