import { hash } from "node:crypto";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";

const KEPT_BYTES = 64 * 1024;

/** A growing buffer that knows variable-length integers (LEB128, and zigzag for signed ones). A class, so that calls for every frame are inlined. */
export class ByteWriter {
  length = 0;
  private buffer: Uint8Array;
  private readonly least: number;
  private readonly kept: number;

  /** A buffer that grew beyond `kept` bytes is given back when it is cleared. */
  constructor(capacity = 256, kept = KEPT_BYTES) {
    this.buffer = new Uint8Array(capacity);
    this.least = capacity;
    this.kept = kept;
  }

  uint(value: number): void {
    this.room(8);
    const { buffer } = this;
    let rest = value;
    let at = this.length;
    // Division where shifts do not reach: times in microseconds exceed 31 bits.
    while (rest >= 2 ** 31) {
      buffer[at++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 128) {
      buffer[at++] = (rest & 127) | 128;
      rest >>= 7;
    }
    buffer[at++] = rest;
    this.length = at;
  }

  int(value: number): void {
    this.uint(value < 0 ? -value * 2 - 1 : value * 2);
  }

  bytes(value: Uint8Array): void {
    this.room(value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
  }

  /** Makes room for so many bytes more, at once. */
  room(more: number): void {
    const needed = this.length + more;
    if (needed <= this.buffer.length) return;
    const bigger = new Uint8Array(Math.max(this.buffer.length * 2, needed));
    bigger.set(this.buffer.subarray(0, this.length));
    this.buffer = bigger;
  }

  /** What was written from `start` on. A view: good until the next call. */
  view(start = 0): Uint8Array {
    return this.buffer.subarray(start, this.length);
  }

  /** Begins anew, in the same memory unless it grew large. */
  clear(): void {
    this.length = 0;
    if (this.buffer.length > this.kept) this.buffer = new Uint8Array(this.least);
  }

  get capacity(): number {
    return this.buffer.length;
  }
}

export interface ByteReader {
  uint(): number;
  int(): number;
  /** A view, not a copy. */
  bytes(length: number): Uint8Array;
  readonly atEnd: boolean;
}

/** Reads what a ByteWriter wrote. Throws RangeError when the bytes end too early. */
export function createByteReader(buffer: Uint8Array): ByteReader {
  let at = 0;
  function uint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = buffer[at];
      if (byte === undefined || scale > 2 ** 49) throw new RangeError("number cut short");
      at += 1;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  }
  return {
    uint,
    int() {
      const value = uint();
      return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    },
    bytes(length) {
      if (at + length > buffer.length) throw new RangeError("bytes cut short");
      at += length;
      return buffer.subarray(at - length, at);
    },
    get atEnd() {
      return at >= buffer.length;
    },
  };
}

const RAW = 0;
const ZSTD = 1;
/** Below this the kilobyte that is saved is not worth the 50 us of CPU that a call of zstd costs. */
const WORTH_COMPRESSING = 2048;
const LEVEL = { [constants.ZSTD_c_compressionLevel]: 1 };

/** The form of every stored blob: one byte for the codec, then the bytes, zstd-compressed where that is smaller. */
export function pack(bytes: Uint8Array): Uint8Array {
  if (bytes.length >= WORTH_COMPRESSING) {
    // Node's own chunk is 128 KiB of memory for every call, however little comes out.
    const chunkSize = Math.min(64 * 1024, Math.max(512, bytes.length >> 4));
    const small = zstdCompressSync(bytes, { chunkSize, pledgedSrcSize: bytes.length, params: LEVEL });
    if (small.length < bytes.length) return prefixed(ZSTD, small);
  }
  return prefixed(RAW, bytes);
}

/** Throws when the blob is not one that `pack` made. */
export function unpack(blob: Uint8Array): Uint8Array {
  if (blob[0] === RAW) return blob.subarray(1);
  if (blob[0] === ZSTD) return zstdDecompressSync(blob.subarray(1));
  throw new RangeError(`unknown codec ${blob[0]}`);
}

function prefixed(codec: number, bytes: Uint8Array): Uint8Array {
  const blob = new Uint8Array(bytes.length + 1);
  blob[0] = codec;
  blob.set(bytes, 1);
  return blob;
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return hash("sha256", bytes, "buffer");
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || (a.length === b.length && Buffer.compare(a, b) === 0);
}
