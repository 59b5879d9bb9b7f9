/**
 * Follows a chunked body (RFC 9112, 7.1) through the reads it came in, to tell where whole chunks begin and end.
 * It checks nothing for anybody: where the text is not the plainest form (an extension, a last chunk, a size line cut
 * in two) it stops following, and the HTTP parser has the word.
 */
export class ChunkedBody {
  /** Bytes until the chunk under way is over, its CRLF included. */
  #left = 0;
  /** False: lost sight of it, for good. */
  followed = true;
  /** Of the chunk that `endOfChunk` found: where its data begins and ends. */
  dataAt = 0;
  dataEnd = 0;

  /** The last byte ended a chunk. */
  get between(): boolean {
    return this.#left === 0 && this.followed;
  }

  /** Index behind the chunk that begins at `at`; -1 when it is the last, or not whole, or not plain. */
  endOfChunk(read: Uint8Array, at: number): number {
    const size = this.#size(read, at);
    if (size <= 0) return -1;
    const end = this.dataAt + size;
    if (read[end] !== CR || read[end + 1] !== LF) return -1;
    this.dataEnd = end;
    return end + 2;
  }

  /** Goes over a read that somebody else looks after. */
  pass(read: Uint8Array, from = 0): void {
    let at = from;
    while (this.followed && at < read.length) {
      if (this.#left === 0) {
        const size = this.#size(read, at);
        this.followed = size > 0;
        this.#left = size + 2;
        at = this.dataAt;
      }
      const step = Math.min(this.#left, read.length - at);
      this.#left -= step;
      at += step;
    }
  }

  /** The size on the line at `at`, and `dataAt` behind it; -1 when the line is not whole or not plain. */
  #size(read: Uint8Array, from: number): number {
    let size = 0;
    let at = from;
    for (;;) {
      const digit = HEX[read[at] ?? 0] ?? NO_DIGIT;
      if (digit === NO_DIGIT) break;
      size = size * 16 + digit;
      at += 1;
    }
    this.dataAt = at + 2;
    return at > from && at - from <= MAX_DIGITS && read[at] === CR && read[at + 1] === LF ? size : -1;
  }
}

const CR = 13;
const LF = 10;
/** A chunk of 256 MB and more is nobody's frame. */
const MAX_DIGITS = 7;
const NO_DIGIT = 16;
const HEX = new Uint8Array(256).fill(NO_DIGIT);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  HEX[digit.charCodeAt(0)] = value;
  HEX[digit.toUpperCase().charCodeAt(0)] = value;
}

/** Index behind the head that ends in `bytes`, interim ones (1xx) before it skipped; -1 when there is none. */
export function endOfHead(bytes: Buffer): number {
  for (let at = 0; ;) {
    const interim = bytes.toString("latin1", at, at + 10) === "HTTP/1.1 1";
    const end = bytes.indexOf("\r\n\r\n", at, "latin1");
    if (end < 0) return -1;
    at = end + 4;
    if (!interim) return at;
  }
}
