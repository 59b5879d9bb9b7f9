import { FRAME_FIELDS, UNCHANGED } from "./batch.ts";
import { ByteWriter, createByteReader, pack, unpack, type ByteReader } from "./bytes.ts";

export interface StoredFrame {
  /** Microseconds since the exchange began. */
  readonly atUs: number;
  readonly upstream: Uint8Array;
  /** `upstream` itself when nothing changed. */
  readonly sent: Uint8Array;
}

/** How much a stretch of frames holds, column by column. */
interface Extent {
  readonly frames: number;
  readonly sizes: number;
  readonly times: number;
  readonly upstream: number;
  readonly changed: number;
  readonly sent: number;
  /** Time of the last frame. */
  readonly lastUs: number;
}

const NOWHERE: Extent = { frames: 0, sizes: 0, times: 0, upstream: 0, changed: 0, sent: 0, lastUs: 0 };

/**
 * A stretch of a reply in columns: sizes of the frames, when they came (each as the difference to the one
 * before), the upstream bytes end to end, and what was sent for the frames where that differs. They are
 * laid down as they are stored, so that a frame is encoded once and makes no object.
 */
export class FrameColumns {
  count = 0;
  private readonly sizes = new ByteWriter(64);
  private readonly times = new ByteWriter(64);
  private readonly upstream = new ByteWriter(2048);
  private readonly sent = new ByteWriter(0);
  /** Numbers of the frames for which other bytes were sent, ascending, and how many. */
  private readonly changed: number[] = [];
  private readonly sentSizes: number[] = [];
  private lastUs = 0;
  /** Where the fresh ones begin; when the first of them came, and where what comes behind its time begins. */
  private marked = NOWHERE;
  private freshUs = 0;
  private freshTimes = 0;

  get freshCount(): number {
    return this.count - this.marked.frames;
  }

  /** Number of the first fresh frame. */
  get freshFirst(): number {
    return this.marked.frames;
  }

  /** Of what came and what was sent instead. */
  get bytes(): number {
    return this.upstream.length + this.sent.length;
  }

  /** Bytes of memory it keeps for what is added next. */
  get capacity(): number {
    return this.sizes.capacity + this.times.capacity + this.upstream.capacity + this.sent.capacity;
  }

  /** `sent` is `upstream` itself when nothing changed. */
  add(atUs: number, upstream: Uint8Array, sent: Uint8Array): void {
    if (sent !== upstream) {
      this.changed.push(this.count);
      this.sentSizes.push(sent.length);
      this.sent.bytes(sent);
    }
    this.place(atUs, upstream.length);
    this.upstream.bytes(upstream);
  }

  /**
   * Adds frames of a batch (see FRAME_FIELDS) from number `first` on, as long as they were sent as they came and
   * lie behind one another: a body may lie in between. Returns the number of the first that it did not add.
   */
  addStretch(fields: Float64Array, first: number, end: number, bytes: Uint8Array): number {
    const from = fields[first * FRAME_FIELDS + 2] ?? 0;
    let to = from;
    let number = first;
    for (; number < end; number++) {
      const at = number * FRAME_FIELDS;
      if (fields[at + 4] !== UNCHANGED || fields[at + 2] !== to) break;
      const size = fields[at + 3] ?? 0;
      this.place(Math.round((fields[at + 1] ?? 0) * 1000), size);
      to += size;
    }
    if (to > from) this.upstream.bytes(bytes.subarray(from, to));
    return number;
  }

  private place(atUs: number, size: number): void {
    this.sizes.uint(size);
    // Signed: arrival times come from one monotonic clock, but nothing here depends on it.
    this.times.int(atUs - this.lastUs);
    this.lastUs = atUs;
    if (this.count === this.marked.frames) {
      this.freshUs = atUs;
      this.freshTimes = this.times.length;
    }
    this.count += 1;
  }

  /** Writes what was added since the last `clear` as one run. */
  write(out: ByteWriter): void {
    this.writeFrom(out, NOWHERE);
  }

  /** Writes what was added since the last `mark` or `clear`, as a run that can be read alone. */
  writeFresh(out: ByteWriter): void {
    this.writeFrom(out, this.marked);
  }

  private writeFrom(out: ByteWriter, from: Extent): void {
    const whole = from.frames === 0;
    out.room(this.bytes + this.sizes.length + this.times.length + 64);
    out.uint(this.count - from.frames);
    out.bytes(this.sizes.view(from.sizes));
    if (!whole && this.count > from.frames) out.int(this.freshUs);
    out.bytes(this.times.view(whole ? 0 : this.freshTimes));
    out.uint(this.changed.length - from.changed);
    for (let i = from.changed; i < this.changed.length; i++) {
      out.uint((this.changed[i] ?? 0) - from.frames);
      out.uint(this.sentSizes[i] ?? 0);
    }
    out.bytes(this.upstream.view(from.upstream));
    out.bytes(this.sent.view(from.sent));
  }

  /** What is there now is fresh no more. */
  mark(): void {
    this.marked = {
      frames: this.count,
      sizes: this.sizes.length,
      times: this.times.length,
      upstream: this.upstream.length,
      changed: this.changed.length,
      sent: this.sent.length,
      lastUs: this.lastUs,
    };
    this.freshTimes = this.times.length;
  }

  /** Forgets what is fresh. */
  dropFresh(): void {
    const { frames, sizes, times, upstream, changed, sent, lastUs } = this.marked;
    this.count = frames;
    this.sizes.length = sizes;
    this.times.length = times;
    this.freshTimes = times;
    this.upstream.length = upstream;
    this.changed.length = changed;
    this.sentSizes.length = changed;
    this.sent.length = sent;
    this.lastUs = lastUs;
  }

  clear(): void {
    this.marked = NOWHERE;
    this.dropFresh();
    for (const column of [this.sizes, this.times, this.upstream, this.sent]) column.clear();
  }
}

/** Where runs are put together: one at a time, so one buffer does. */
const scratch = new ByteWriter(16 * 1024, 128 * 1024);

export function encodeRun(run: FrameColumns): Uint8Array {
  scratch.clear();
  run.write(scratch);
  return pack(scratch.view());
}

/** Throws RangeError on bytes that `encodeRun` did not write. */
export function decodeRun(blob: Uint8Array): readonly StoredFrame[] {
  return readRun(createByteReader(unpack(blob)));
}

/** What FrameColumns write. Throws RangeError on anything else. */
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
export function layRun(frames: readonly StoredFrame[]): FrameColumns {
  const columns = new FrameColumns();
  for (const { atUs, upstream, sent } of frames) columns.add(atUs, upstream, sent);
  return columns;
}
