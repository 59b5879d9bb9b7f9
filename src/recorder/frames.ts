import { createByteReader, createByteWriter, pack, unpack } from "./bytes.ts";

/**
 * A stretch of a reply in columns: the upstream bytes end to end, where each frame ends and when it
 * came, and what was sent for the frames where that differs.
 */
export interface FrameRun {
  /** Microseconds since the exchange began. */
  readonly atUs: readonly number[];
  readonly sizes: readonly number[];
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

/** Frames laid into columns one by one: no object for a frame. */
export interface FrameColumns {
  /** `sent` is `upstream` itself when nothing changed. */
  add(atUs: number, upstream: Uint8Array, sent: Uint8Array): void;
  /** What was added since the last `clear`. Views: good until the next call. */
  run(): FrameRun;
  clear(): void;
  readonly count: number;
  readonly bytes: number;
}

export function createColumns(): FrameColumns {
  let atUs: number[] = [];
  let sizes: number[] = [];
  let changed: number[] = [];
  let sentSizes: number[] = [];
  const upstreamBytes = createByteWriter();
  const sentBytes = createByteWriter(0);
  return {
    add(at, upstream, sent) {
      if (sent !== upstream) {
        changed.push(sizes.length);
        sentSizes.push(sent.length);
        sentBytes.bytes(sent);
      }
      atUs.push(at);
      sizes.push(upstream.length);
      upstreamBytes.bytes(upstream);
    },
    run: () => ({ atUs, sizes, upstream: upstreamBytes.view(), changed, sentSizes, sent: sentBytes.view() }),
    clear() {
      atUs = [];
      sizes = [];
      changed = [];
      sentSizes = [];
      upstreamBytes.clear();
      sentBytes.clear();
    },
    get count() {
      return sizes.length;
    },
    get bytes() {
      return upstreamBytes.length + sentBytes.length;
    },
  };
}

/** Where runs are put together: one at a time, so one buffer does. */
const scratch = createByteWriter(16 * 1024);

export function encodeRun(run: FrameRun): Uint8Array {
  const out = scratch;
  out.clear();
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
  return pack(out.view());
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

/** Frames as they came. */
export function layRun(frames: readonly StoredFrame[]): FrameRun {
  const columns = createColumns();
  for (const { atUs, upstream, sent } of frames) columns.add(atUs, upstream, sent);
  return columns.run();
}
