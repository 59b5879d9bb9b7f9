import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { RawHeaders } from "../wire/headers.ts";

/**
 * The client's half of an exchange: writes a head and a body to node's response so that the bytes
 * are the backend's, and each piece of a chunked body is one write (node makes three).
 *
 * Header values are latin1 on the wire. Node writes a head as latin1 only when no string follows
 * it, so nothing but bytes is ever written here.
 */
export interface Reply {
  readonly started: boolean;
  readonly bytesWritten: number;
  /** False when it was dropped: too late, too many, or not for this client. */
  informational(status: number, headers: RawHeaders): boolean;
  /** `length`: bytes of the body where known; undefined frames it as chunked (or by closing, for HTTP/1.0). */
  head(status: number, reason: string | undefined, headers: string[], hasBody: boolean, length: number | undefined): void;
  /** False when the client's socket is full: stop until `onDrain`. */
  write(bytes: Uint8Array): boolean;
  /** Several pieces that belong together as one write. */
  writeAll(pieces: readonly Uint8Array[]): boolean;
  end(trailers: RawHeaders): void;
  /** Flushes what was written, then closes without the end mark: the client must see that the reply is cut. */
  cut(): void;
}

const CRLF = Buffer.from("\r\n");
const NOTHING = Buffer.alloc(0);
/** Bytes of one read beyond which the backend is told to wait until they are written. */
const MAX_PENDING = 64 * 1024;
/** More interim answers than this are a storm, and dropped. */
const MAX_INFORMATIONAL = 16;

export function createReply(response: ServerResponse, http10: boolean): Reply {
  let started = false;
  let chunked = false;
  let informed = 0;
  let written = 0;
  /** What came since the last flush: pieces that the backend sent in one go leave in one write. */
  const pending: Uint8Array[] = [];
  let pendingBytes = 0;
  /** The socket did not take the last write at once. */
  let held = false;
  /** The client's socket, once the head is on it. */
  let direct: Socket | undefined;

  /** True while the client keeps up. The piece leaves when the read it came with has been worked through. */
  function put(piece: Uint8Array): boolean {
    const { length } = piece;
    if (length === 0) return !held;
    written += length;
    if (pendingBytes === 0) process.nextTick(flush);
    pending.push(piece);
    pendingBytes += length;
    return !held && pendingBytes < MAX_PENDING;
  }

  /** What is pending, framed as it goes out. */
  function taken(): Buffer | Uint8Array {
    if (pendingBytes === 0) return NOTHING;
    const bytes = chunked ? frameChunk(pending, pendingBytes) : pending.length === 1 ? (pending[0] ?? NOTHING) : Buffer.concat(pending);
    pending.length = 0;
    pendingBytes = 0;
    return bytes;
  }

  function flush(): void {
    if (pendingBytes === 0) return;
    const large = pendingBytes >= MAX_PENDING;
    const bytes = taken();
    if (response.destroyed) return;
    held = !send(bytes);
    // Whoever was told to stop for this much alone may go on.
    if (large && !held) response.emit("drain");
  }

  /**
   * Straight onto the socket: `response.write` corks and uncorks it around every piece, which costs
   * more than the write. Only behind the head, and not while an earlier reply has the socket.
   */
  function send(bytes: Uint8Array): boolean {
    if (!direct) {
      const { socket } = response;
      if (!socket || response.writableLength !== socket.writableLength) return response.write(bytes);
      direct = socket;
    }
    if (direct.write(bytes)) return true;
    if (!held) direct.once("drain", onSocketDrain);
    return false;
  }
  function onSocketDrain(): void {
    response.emit("drain");
  }
  // Before anybody else's listener: who goes on at a drain is told the truth.
  response.on("drain", () => (held = false));

  return {
    get started() {
      return started;
    },
    get bytesWritten() {
      return written;
    },
    informational(status, headers) {
      if (started || http10 || informed >= MAX_INFORMATIONAL) return false;
      informed += 1;
      response.writeInformation(status, [...headers]);
      return true;
    },
    head(status, reason, headers, hasBody, length) {
      started = true;
      response.sendDate = false;
      chunked = hasBody && length === undefined && !http10;
      if (chunked) headers.push("Transfer-Encoding", "chunked");
      else if (hasBody && length === undefined) response.shouldKeepAlive = false;
      if (reason === undefined) response.writeHead(status, headers);
      else response.writeHead(status, reason, headers);
      // The framing is ours from here on.
      response.chunkedEncoding = false;
      if (hasBody) response.write(NOTHING);
    },
    write: put,
    writeAll(pieces) {
      for (const piece of pieces) put(piece);
      return !held && pendingBytes < MAX_PENDING;
    },
    end(trailers) {
      if (!chunked) {
        flush();
        response.end();
        return;
      }
      let tail = "0\r\n";
      for (let i = 0; i + 1 < trailers.length; i += 2) tail += `${trailers[i]}: ${trailers[i + 1]}\r\n`;
      response.end(Buffer.concat([taken(), Buffer.from(`${tail}\r\n`, "latin1")]));
    },
    cut() {
      flush();
      if (response.socket) response.socket.destroySoon();
      // Pipelined, and not yet its turn: what was written goes out when it is. (A destroyed response would leave the client waiting.)
      else response.once("socket", (socket: Socket) => process.nextTick(() => socket.destroySoon()));
    },
  };
}

/** `SIZE CRLF bytes CRLF` in one buffer. */
function frameChunk(pieces: readonly Uint8Array[], length: number): Buffer {
  const size = `${length.toString(16)}\r\n`;
  const framed = Buffer.allocUnsafe(size.length + length + CRLF.length);
  let at = framed.write(size, 0, "latin1");
  for (const piece of pieces) {
    framed.set(piece, at);
    at += piece.length;
  }
  framed.set(CRLF, at);
  return framed;
}
