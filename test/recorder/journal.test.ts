import Database from "better-sqlite3";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createKeeper } from "../../src/recorder/keeper.ts";
import { decodeRun, encodeRun, FrameColumns, layRun, type StoredFrame } from "../../src/recorder/frames.ts";
import { decodeJournal, encodeJournal, journalled } from "../../src/recorder/journal.ts";
import { createQueue } from "../../src/recorder/queue.ts";
import { openReader } from "../../src/recorder/reader.ts";
import { bytes, endOf, startOf, tapInto, temporary, viewOf } from "./support.ts";

const frame = fc
  .tuple(fc.nat(2 ** 41), fc.uint8Array({ maxLength: 40 }), fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined }))
  .map(([atUs, upstream, sent]): StoredFrame => ({ atUs, upstream, sent: sent ?? upstream }));

const plain = (frames: readonly StoredFrame[]) => frames.map(({ atUs, upstream, sent }) => [atUs, [...upstream], [...sent]]);

test("frames written again and again, each row from some number on, are read once each", () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 30 }), fc.array(fc.nat(30)), fc.nat(30), (frames, cuts, next) => {
      const ends = [...cuts.filter((cut) => cut < frames.length).toSorted((a, b) => a - b), frames.length];
      let first = 0;
      const rows = ends.map((end) => {
        // One frame of the row before once more, as after a transaction that is not known to hold.
        const from = Math.max(0, first - 1);
        first = end;
        return encodeJournal([
          { seq: 3, first: 0, frames: layRun(frames) },
          { seq: 7, first: from, frames: layRun(frames.slice(from, end)) },
        ]);
      });
      expect(plain(journalled(rows, 7, next))).toEqual(plain(frames.slice(next)));
      expect(decodeJournal(rows[0] ?? new Uint8Array(0)).map(({ seq }) => seq)).toEqual([3, 7]);
    }),
  );
});

test("columns tell what is fresh, and forget it alone", () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 20 }), fc.array(frame, { maxLength: 20 }), (old, fresh) => {
      const columns = new FrameColumns();
      const add = (frames: readonly StoredFrame[]) => {
        for (const { atUs, upstream, sent } of frames) columns.add(atUs, upstream, sent);
      };
      add(old);
      columns.mark();
      add(fresh);
      const row = encodeJournal([{ seq: 1, first: columns.freshFirst, frames: columns }]);
      expect([columns.freshFirst, columns.freshCount]).toEqual([old.length, fresh.length]);
      expect(plain(journalled([row], 1, old.length))).toEqual(plain(fresh));
      columns.dropFresh();
      expect([columns.count, columns.freshCount]).toEqual([old.length, 0]);
      add(fresh);
      expect(plain(decodeRun(encodeRun(columns)))).toEqual(plain([...old, ...fresh]));
    }),
  );
});

/** A keeper without its thread, and streams that are told to it. */
function recording(path: string) {
  const clock = { now: 1_800_000_000_000 };
  const faults: string[] = [];
  const settings = { path, onlyErrors: false, rules: [], maxBytes: 1e9, maxAgeMs: 1e12 };
  const keeper = createKeeper(
    settings,
    (message) => {
      if (message.type === "fault") faults.push(message.fault);
    },
    () => clock.now,
  );
  const queue = createQueue(1e9);
  let begun = 0;
  return {
    keeper,
    clock,
    faults,
    stream(id: string) {
      begun += 1;
      const start = startOf(id);
      queue.push(1, { op: "begin", x: begun, start, resumed: false });
      const tap = tapInto(queue, begun, start, () => clock.now);
      tap.request?.(viewOf(), bytes(`{"messages":["${id}"]}`));
      tap.head?.(1, 200, []);
      let told = 0;
      const said: string[] = [];
      return {
        said,
        end: () => tap.end(endOf()),
        /** Every third frame is changed on its way. */
        frames(count: number, padding = 0) {
          for (; count > 0; count--) {
            const text = `data: ${id} ${told} ${"x".repeat(padding)}\n\n`;
            const raw = bytes(text);
            const sent = told % 3 === 2 ? [bytes("data: "), bytes("changed\n\n")] : [raw];
            tap.step?.(told, { frame: { raw, event: undefined, data: undefined }, deltas: [], out: [], sent });
            said.push(`${told} ${text}|${sent[0] === raw ? text : "data: changed\n\n"}`);
            told += 1;
          }
        },
      };
    },
    /** A batch, `ms` after the last one. */
    flush(ms = 500) {
      clock.now += ms;
      const batch = queue.take();
      if (batch) keeper.batch(batch);
      else keeper.tick();
    },
  };
}

const text = (part: Uint8Array) => Buffer.from(part).toString();

function read(path: string, id: string): string[] {
  using reader = openReader(path);
  return (reader.get(id)?.response?.pieces ?? []).map(({ atMs, upstream, sent }) => `${atMs} ${text(upstream)}|${text(sent)}`);
}

function counts(path: string): { parts: number; rows: number } {
  const db = new Database(path, { readonly: true });
  const count = (table: string) => db.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get() ?? -1;
  const found = { parts: count("part"), rows: count("journal") };
  db.close();
  return found;
}

describe("the journal", () => {
  test("a stream that runs is in the file with every batch, and a row of its own only at its end", () => {
    using folder = temporary();
    const it = recording(folder.file());
    const streams = ["01A", "01B", "01C"].map((id) => it.stream(id));
    for (let batch = 1; batch <= 4; batch++) {
      for (const stream of streams) stream.frames(5);
      it.flush();
      for (const [i, stream] of streams.entries()) expect(read(folder.file(), `01${"ABC"[i]}`)).toEqual(stream.said);
      expect(counts(folder.file())).toEqual({ parts: 0, rows: batch });
    }
    for (const stream of streams) stream.end();
    it.flush();
    expect(counts(folder.file()).parts).toBe(3);
    it.flush();
    expect(counts(folder.file())).toEqual({ parts: 3, rows: 0 });
    for (const [i, stream] of streams.entries()) expect(read(folder.file(), `01${"ABC"[i]}`)).toEqual(stream.said);
  });

  test("a long stream leaves the journal every few seconds, and a stream beside it keeps what it needs", () => {
    using folder = temporary();
    const it = recording(folder.file());
    const long = it.stream("01L");
    const slow = it.stream("01S");
    let most = 0;
    for (let second = 0; second < 60; second++) {
      long.frames(10, 4000);
      if (second % 7 === 0) slow.frames(1);
      it.flush(1000);
      most = Math.max(most, counts(folder.file()).rows);
    }
    expect(most).toBeLessThan(14);
    expect(counts(folder.file()).parts).toBeGreaterThan(8);
    expect(read(folder.file(), "01L")).toEqual(long.said);
    expect(read(folder.file(), "01S")).toEqual(slow.said);
  });

  test("what a dead writer left in it goes to its exchanges", () => {
    using folder = temporary();
    const dead = recording(folder.file());
    const long = dead.stream("01L");
    const short = dead.stream("01S");
    const over = dead.stream("01E");
    over.frames(3);
    long.frames(10, 60_000);
    short.frames(2);
    dead.flush();
    over.end();
    long.frames(3);
    short.frames(3);
    dead.flush();
    expect(counts(folder.file()).rows).toBeGreaterThan(0);
    // A run of this very process that has no end is a dead one's: nobody else has our id.
    const next = recording(folder.file());
    next.stream("02A").frames(1);
    next.flush();
    expect(read(folder.file(), "01L")).toEqual(long.said);
    expect(read(folder.file(), "01S")).toEqual(short.said);
    expect(read(folder.file(), "01E")).toEqual(over.said);
    using reader = openReader(folder.file());
    expect(reader.list().map(({ id, outcome }) => `${id} ${outcome}`)).toEqual([
      "02A running",
      "01E completed",
      "01S interrupted",
      "01L interrupted",
    ]);
    expect(counts(folder.file())).toEqual({ parts: 4, rows: 1 });
  });

  test("a writer that was taken for dead goes on without losing or doubling a frame", () => {
    using folder = temporary();
    const asleep = recording(folder.file());
    const stream = asleep.stream("01A");
    stream.frames(4);
    asleep.flush();
    const other = recording(folder.file());
    other.stream("02A").frames(1);
    other.flush();
    expect(read(folder.file(), "01A")).toEqual(stream.said);
    stream.frames(4);
    asleep.flush();
    stream.end();
    asleep.flush();
    expect(asleep.faults).toEqual([]);
    expect(read(folder.file(), "01A")).toEqual(stream.said);
  });

  test("behind a lock nothing is lost and nothing comes twice", () => {
    using folder = temporary();
    const it = recording(folder.file());
    const stream = it.stream("01A");
    stream.frames(3);
    it.flush();
    const lock = new Database(folder.file());
    lock.exec("BEGIN IMMEDIATE");
    stream.frames(3);
    it.flush();
    stream.frames(3);
    it.flush();
    lock.exec("ROLLBACK");
    lock.close();
    it.flush();
    expect(it.faults).toEqual(["locked"]);
    expect(read(folder.file(), "01A")).toEqual(stream.said);
    stream.end();
    it.flush();
    expect(read(folder.file(), "01A")).toEqual(stream.said);
  });

  test("a writer that closes leaves none", () => {
    using folder = temporary();
    const it = recording(folder.file());
    const stream = it.stream("01A");
    stream.frames(3);
    it.flush();
    stream.frames(3);
    it.flush();
    it.keeper.close();
    expect(counts(folder.file())).toEqual({ parts: 1, rows: 0 });
    expect(read(folder.file(), "01A")).toEqual(stream.said);
  });
});
