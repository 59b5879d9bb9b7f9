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
  /** False when the client's socket is full: stop until `onDrain`. `framed`: the same as one chunk, made already. */
  write(bytes: Uint8Array, framed?: Uint8Array): boolean;
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
  return new ClientReply(response, http10);
}

/** A class, because an object literal with getters is a dictionary to V8, and this is called with every chunk. */
class ClientReply implements Reply {
  readonly #response: ServerResponse;
  readonly #http10: boolean;
  #chunked = false;
  #informed = 0;
  /** What came since the last flush: pieces that the backend sent in one go leave in one write. */
  readonly #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  /** The first pending piece as one chunk, where it came so. */
  #firstFramed: Uint8Array | undefined;
  /** A flush is due at the end of this tick. */
  #soon = false;
  /** The socket did not take the last write at once. */
  #held = false;
  /** The client's socket, once the head is on it. */
  #direct: Socket | undefined;
  started = false;
  bytesWritten = 0;

  constructor(response: ServerResponse, http10: boolean) {
    this.#response = response;
    this.#http10 = http10;
    // Before anybody else's listener: who goes on at a drain is told the truth.
    response.on("drain", () => (this.#held = false));
  }

  informational(status: number, headers: RawHeaders): boolean {
    if (this.started || this.#http10 || this.#informed >= MAX_INFORMATIONAL) return false;
    this.#informed += 1;
    this.#response.writeInformation(status, [...headers]);
    return true;
  }

  head(status: number, reason: string | undefined, headers: string[], hasBody: boolean, length: number | undefined): void {
    const response = this.#response;
    this.started = true;
    response.sendDate = false;
    this.#chunked = hasBody && length === undefined && !this.#http10;
    if (this.#chunked) headers.push("Transfer-Encoding", "chunked");
    else if (hasBody && length === undefined) response.shouldKeepAlive = false;
    if (reason === undefined) response.writeHead(status, headers);
    else response.writeHead(status, reason, headers);
    // The framing is ours from here on.
    response.chunkedEncoding = false;
    if (!hasBody) return;
    // Ahead of node's own tick that uncorks the socket: what came in the same read leaves with the head.
    this.#flushSoon();
    response.write(NOTHING);
  }

  /** The piece leaves when the read it came with has been worked through. */
  write(piece: Uint8Array, framed?: Uint8Array): boolean {
    const { length } = piece;
    if (length === 0) return !this.#held;
    this.bytesWritten += length;
    if (this.#pendingBytes === 0) {
      this.#flushSoon();
      this.#firstFramed = framed;
    }
    this.#pending.push(piece);
    this.#pendingBytes += length;
    return !this.#held && this.#pendingBytes < MAX_PENDING;
  }

  writeAll(pieces: readonly Uint8Array[]): boolean {
    for (const piece of pieces) this.write(piece);
    return !this.#held && this.#pendingBytes < MAX_PENDING;
  }

  end(trailers: RawHeaders): void {
    if (!this.#chunked) {
      this.flush();
      this.#response.end();
      return;
    }
    let tail = "0\r\n";
    for (let i = 0; i + 1 < trailers.length; i += 2) tail += `${trailers[i]}: ${trailers[i + 1]}\r\n`;
    this.#response.end(Buffer.concat([this.#taken(), Buffer.from(`${tail}\r\n`, "latin1")]));
  }

  cut(): void {
    this.flush();
    const response = this.#response;
    if (response.socket) response.socket.destroySoon();
    // Pipelined, and not yet its turn: what was written goes out when it is. (A destroyed response would leave the client waiting.)
    else response.once("socket", (socket: Socket) => process.nextTick(() => socket.destroySoon()));
  }

  #flushSoon(): void {
    if (this.#soon) return;
    this.#soon = true;
    process.nextTick(flush, this);
  }

  flush(): void {
    this.#soon = false;
    if (this.#pendingBytes === 0) return;
    const large = this.#pendingBytes >= MAX_PENDING;
    const bytes = this.#taken();
    if (this.#response.destroyed) return;
    this.#held = !this.#send(bytes);
    // Whoever was told to stop for this much alone may go on.
    if (large && !this.#held) this.#response.emit("drain");
  }

  /** What is pending, framed as it goes out. */
  #taken(): Uint8Array {
    const pending = this.#pending;
    const first = pending[0];
    if (!first) return NOTHING;
    const single = pending.length === 1;
    let bytes: Uint8Array;
    if (this.#chunked) bytes = (single ? this.#firstFramed : undefined) ?? frameChunk(pending, this.#pendingBytes);
    else bytes = single ? first : Buffer.concat(pending);
    pending.length = 0;
    this.#pendingBytes = 0;
    return bytes;
  }

  /**
   * Straight onto the socket: `response.write` corks and uncorks it around every piece, which costs
   * more than the write. Only behind the head, and not while an earlier reply has the socket.
   */
  #send(bytes: Uint8Array): boolean {
    const response = this.#response;
    if (!this.#direct) {
      const { socket } = response;
      if (!socket || response.writableLength !== socket.writableLength) return response.write(bytes);
      this.#direct = socket;
    }
    if (this.#direct.write(bytes)) return true;
    if (!this.#held) this.#direct.once("drain", () => response.emit("drain"));
    return false;
  }
}

function flush(reply: ClientReply): void {
  reply.flush();
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
