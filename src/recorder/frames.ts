import { FRAME_FIELDS } from "./batch.ts";
import { createByteReader, createByteWriter, pack, unpack, type ByteReader, type ByteWriter } from "./bytes.ts";

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
  /** Frames of a batch that were sent as they came and lie behind one another: their fields, see FRAME_FIELDS, and all bytes. */
  addAll(fields: Float64Array, first: number, end: number, bytes: Uint8Array): void;
  /** What was added since the last `clear`. Views: good until the next call. */
  run(): FrameRun;
  /** What was added since the last `mark` or `clear`; `first` is its position in `run`. Views, as above. */
  fresh(): { readonly first: number; readonly run: FrameRun };
  mark(): void;
  /** Forgets what is fresh. */
  dropFresh(): void;
  clear(): void;
  readonly count: number;
  readonly freshCount: number;
  readonly bytes: number;
}

const NOWHERE = { frames: 0, bytes: 0, changed: 0, sentBytes: 0 };

export function createColumns(): FrameColumns {
  let atUs: number[] = [];
  let sizes: number[] = [];
  let changed: number[] = [];
  let sentSizes: number[] = [];
  const upstreamBytes = createByteWriter(2048);
  const sentBytes = createByteWriter(0);
  /** Where the fresh ones begin. */
  let marked = NOWHERE;
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
    addAll(fields, first, end, bytes) {
      for (let at = first * FRAME_FIELDS; at < end * FRAME_FIELDS; at += FRAME_FIELDS) {
        atUs.push(Math.round((fields[at + 1] ?? 0) * 1000));
        sizes.push(fields[at + 3] ?? 0);
      }
      upstreamBytes.bytes(bytes);
    },
    fresh() {
      const run: FrameRun = {
        atUs: atUs.slice(marked.frames),
        sizes: sizes.slice(marked.frames),
        upstream: upstreamBytes.view().subarray(marked.bytes),
        changed: changed.slice(marked.changed).map((frame) => frame - marked.frames),
        sentSizes: sentSizes.slice(marked.changed),
        sent: sentBytes.view().subarray(marked.sentBytes),
      };
      return { first: marked.frames, run };
    },
    mark() {
      marked = { frames: sizes.length, bytes: upstreamBytes.length, changed: changed.length, sentBytes: sentBytes.length };
    },
    dropFresh() {
      atUs.length = marked.frames;
      sizes.length = marked.frames;
      changed.length = marked.changed;
      sentSizes.length = marked.changed;
      upstreamBytes.cut(marked.bytes);
      sentBytes.cut(marked.sentBytes);
    },
    run: () => ({ atUs, sizes, upstream: upstreamBytes.view(), changed, sentSizes, sent: sentBytes.view() }),
    clear() {
      atUs = [];
      sizes = [];
      changed = [];
      sentSizes = [];
      marked = NOWHERE;
      upstreamBytes.clear();
      sentBytes.clear();
    },
    get count() {
      return sizes.length;
    },
    get freshCount() {
      return sizes.length - marked.frames;
    },
    get bytes() {
      return upstreamBytes.length + sentBytes.length;
    },
  };
}

/** Where runs are put together: one at a time, so one buffer does. */
const scratch = createByteWriter(16 * 1024);

export function encodeRun(run: FrameRun): Uint8Array {
  scratch.clear();
  writeRun(scratch, run);
  return pack(scratch.view());
}

/** Throws RangeError on bytes that `encodeRun` did not write. */
export function decodeRun(blob: Uint8Array): readonly StoredFrame[] {
  return readRun(createByteReader(unpack(blob)));
}

export function writeRun(out: ByteWriter, run: FrameRun): void {
  out.room(sizeOfRun(run));
  out.uint(run.sizes.length);
  const { sizes, atUs } = run;
  // By index: an iterator makes an object for every frame until the compiler has seen enough of it.
  for (let i = 0; i < sizes.length; i++) out.uint(sizes[i] ?? 0);
  let last = 0;
  for (let i = 0; i < atUs.length; i++) {
    const at = atUs[i] ?? 0;
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
}

/** About as many bytes as `writeRun` writes. */
export function sizeOfRun({ upstream, sent, sizes, changed }: FrameRun): number {
  return upstream.length + sent.length + 6 * (sizes.length + changed.length) + 16;
}

/** What `writeRun` wrote. Throws RangeError on anything else. */
export function readRun(bytes: ByteReader): readonly StoredFrame[] {
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
