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
/** More interim answers than this are a storm, and dropped. */
const MAX_INFORMATIONAL = 16;

export function createReply(response: ServerResponse, http10: boolean): Reply {
  let started = false;
  let chunked = false;
  let informed = 0;
  let written = 0;

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
    write(bytes) {
      if (bytes.length === 0) return true;
      written += bytes.length;
      return response.write(chunked ? frameChunk([bytes], bytes.length) : bytes);
    },
    writeAll(pieces) {
      let length = 0;
      for (const piece of pieces) length += piece.length;
      if (length === 0) return true;
      written += length;
      if (chunked) return response.write(frameChunk(pieces, length));
      return response.write(pieces.length === 1 ? (pieces[0] ?? NOTHING) : Buffer.concat(pieces, length));
    },
    end(trailers) {
      if (!chunked) {
        response.end();
        return;
      }
      let tail = "0\r\n";
      for (let i = 0; i + 1 < trailers.length; i += 2) tail += `${trailers[i]}: ${trailers[i + 1]}\r\n`;
      response.end(Buffer.from(`${tail}\r\n`, "latin1"));
    },
    cut() {
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
