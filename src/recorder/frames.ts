import { createByteReader, createByteWriter, pack, unpack } from "./bytes.ts";

/**
 * A stretch of a reply in columns: the upstream bytes end to end, where each frame ends and when it
 * came, and what was sent for the frames where that differs.
 */
export interface FrameRun {
  /** Microseconds since the exchange began. */
  readonly atUs: readonly number[] | Float64Array;
  readonly sizes: readonly number[] | Uint32Array;
  readonly upstream: Uint8Array;
  /** Positions within the run of the frames for which other bytes were sent, ascending. */
  readonly changed: readonly number[];
  readonly sentSizes: readonly number[];
  readonly sent: Uint8Array;
}

export interface StoredFrame {
  readonly atUs: number;
  readonly upstream: Uint8Array;
  /** `upstream` itself when nothing changed. */
  readonly sent: Uint8Array;
}

export function encodeRun(run: FrameRun): Uint8Array {
  const out = createByteWriter(run.upstream.length + run.sent.length + run.sizes.length * 5 + 32);
  out.uint(run.sizes.length);
  for (const size of run.sizes) out.uint(size);
  let last = 0;
  for (const at of run.atUs) {
    // Signed: arrival times come from one monotonic clock, but nothing here depends on it.
    out.int(at - last);
    last = at;
  }
  out.uint(run.changed.length);
  run.changed.forEach((frame, i) => {
    out.uint(frame);
    out.uint(run.sentSizes[i] ?? 0);
  });
  out.bytes(run.upstream);
  out.bytes(run.sent);
  return pack(out.done());
}

/** Throws RangeError on bytes that `encodeRun` did not write. */
export function decodeRun(blob: Uint8Array): readonly StoredFrame[] {
  const bytes = createByteReader(unpack(blob));
  const count = bytes.uint();
  const sizes: number[] = [];
  for (let i = 0; i < count; i++) sizes.push(bytes.uint());
  const times: number[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    at += bytes.int();
    times.push(at);
  }
  const changed: { frame: number; size: number }[] = [];
  for (let left = bytes.uint(); left > 0; left--) changed.push({ frame: bytes.uint(), size: bytes.uint() });
  const upstream = sizes.map((size) => bytes.bytes(size));
  const sent = new Map(changed.map(({ frame, size }) => [frame, bytes.bytes(size)]));
  return upstream.map((frame, i) => ({ atUs: times[i] ?? 0, upstream: frame, sent: sent.get(i) ?? frame }));
}

/** Frames as they came, laid into columns. `sent` is `upstream` itself when nothing changed. */
export function layRun(frames: readonly StoredFrame[]): FrameRun {
  const changed = frames.flatMap((frame, i) => (frame.sent === frame.upstream ? [] : [i]));
  const others = changed.map((i) => frames[i]?.sent ?? new Uint8Array(0));
  return {
    atUs: frames.map((frame) => frame.atUs),
    sizes: frames.map((frame) => frame.upstream.length),
    upstream: Buffer.concat(frames.map((frame) => frame.upstream)),
    changed,
    sentSizes: others.map((bytes) => bytes.length),
    sent: Buffer.concat(others),
  };
}
