import Database from "better-sqlite3";
import { openForWriting } from "../../src/recorder/open.ts";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { FromWorker } from "../../src/recorder/batch.ts";
import { createKeeper } from "../../src/recorder/keeper.ts";
import { SCHEMA_VERSION } from "../../src/recorder/schema.ts";
import { openReader } from "../../src/recorder/reader.ts";
import { createQueue } from "../../src/recorder/queue.ts";
import { bytes, endOf, startOf, tapInto, temporary, viewOf } from "./support.ts";

/** A keeper without its thread: what goes in is a batch, what comes out is listed. */
function keeperAt(path: string, clock: { now: number } = { now: 1_800_000_000_000 }) {
  const said: FromWorker[] = [];
  const settings = { path, onlyErrors: false, rules: [], maxBytes: 1e9, maxAgeMs: 1e12 };
  const keeper = createKeeper(
    settings,
    (message) => said.push(message),
    () => clock.now,
  );
  const queue = createQueue(1e9);
  let x = 0;
  return {
    keeper,
    said,
    clock,
    types: () => said.map((message) => (message.type === "fault" ? `fault ${message.fault}` : message.type)),
    done: () => said.findLast((message) => message.type === "done"),
    exchange(id: string, size = 10) {
      x += 1;
      const number = x;
      const start = startOf(id);
      queue.push(1, { op: "begin", x: number, start, resumed: false });
      const tap = tapInto(queue, number, start, () => clock.now);
      tap.request?.(viewOf(), bytes(`{"messages":["${id}"]}`));
      tap.head?.(1, 200, []);
      tap.chunk?.(2, noise(size), noise(0));
      return tap;
    },
    flush() {
      const batch = queue.take();
      return batch && keeper.batch(batch);
    },
  };
}

/** Bytes that do not compress. */
function noise(size: number): Uint8Array {
  let state = size + 1;
  return Uint8Array.from({ length: size }, () => (state = (state * 1_103_515_245 + 12_345) & 0x7f_ff_ff_ff) >>> 16);
}

const ids = (path: string) => {
  using reader = openReader(path);
  return reader.list({ limit: 100 }).map(({ id, outcome, truncated }) => `${id} ${outcome}${truncated ? " truncated" : ""}`);
};

describe("states of the file", () => {
  // node's own recursive mkdir never returns there.
  test.runIf(process.platform === "linux")("a folder inside /proc is a fault, not an endless loop", () => {
    expect(() => openForWriting("/proc/nowhere/deep/test.db", 0)).toThrow("ENOENT");
  });

  test("a folder that cannot be made: read-only, tried again later", () => {
    using folder = temporary();
    writeFileSync(folder.file("blocked"), "a file where the folder should be");
    const path = folder.file("blocked/r.db");
    const it = keeperAt(path);
    it.exchange("01A").end(endOf());
    it.flush();
    expect(it.types()).toEqual(["fault read-only", "done"]);
    expect(it.done()).toMatchObject({ lost: 1, written: 0 });
    const running = it.exchange("01B");
    it.flush();
    expect(it.types()).toEqual(["fault read-only", "done", "done"]);
    using elsewhere = temporary();
    const moved = keeperAt(elsewhere.file("new/r.db"));
    moved.flush();
    running.end(endOf());
    it.clock.now += 60_000;
    it.flush();
    expect(it.done()).toMatchObject({ lost: 1 });
    expect(it.types().filter((type) => type.startsWith("fault"))).toHaveLength(1);
  });

  test("locked: waits with what it has, writes it when the lock is gone", () => {
    using folder = temporary();
    const path = folder.file();
    const it = keeperAt(path);
    it.exchange("01A").end(endOf());
    expect(it.flush()).toBe(true);
    const other = new Database(path);
    other.exec("BEGIN IMMEDIATE");
    it.exchange("01B").end(endOf());
    expect(it.flush()).toBe(false);
    expect(it.types()).toEqual(["done", "fault locked"]);
    it.exchange("01C").end(endOf());
    expect(it.flush(), "only tick tries again").toBe(false);
    expect(it.types()).toEqual(["done", "fault locked"]);
    expect(it.keeper.maintain()).toBe(false);
    other.exec("ROLLBACK");
    other.close();
    it.keeper.tick();
    expect(it.types()).toEqual(["done", "fault locked", "ok", "done"]);
    expect(it.done()).toMatchObject({ number: 3, written: 2, lost: 0 });
    expect(ids(path)).toEqual(["01C completed", "01B completed", "01A completed"]);
  });

  test("no database: set aside, a new one begun", () => {
    using folder = temporary();
    const path = folder.file();
    writeFileSync(path, "this was a database once ".repeat(1000));
    const it = keeperAt(path);
    it.exchange("01A").end(endOf());
    it.flush();
    expect(it.types()).toEqual(["set-aside", "done"]);
    const aside = readdirSync(folder.path).find((name) => name.includes("damaged"));
    expect(readFileSync(folder.file(aside)).toString()).toContain("this was a database once");
    expect(ids(path)).toEqual(["01A completed"]);
  });

  test("damaged inside while the last writer died: found at the next start", () => {
    using folder = temporary();
    const path = folder.file();
    const first = keeperAt(path);
    for (let i = 0; i < 40; i++) first.exchange(`01${i}`, 3000).end(endOf());
    first.flush();
    first.keeper.close();
    const db = new Database(path);
    db.exec("UPDATE run SET ended_at = NULL");
    db.pragma("wal_checkpoint(TRUNCATE)");
    db.close();
    const file = readFileSync(path);
    for (let page = 3; page < file.length / 4096 - 1; page++) file.fill(0x5a, page * 4096, page * 4096 + 64);
    writeFileSync(path, file);
    const it = keeperAt(path);
    it.exchange("01Z").end(endOf());
    it.flush();
    expect(it.types()).toEqual(["set-aside", "done"]);
    expect(ids(path)).toEqual(["01Z completed"]);
  });

  test("damaged while it is open: set aside, running exchanges go on in the new file", () => {
    using folder = temporary();
    const path = folder.file();
    const it = keeperAt(path);
    for (let i = 0; i < 40; i++) it.exchange(`01${i}`, 3000).end(endOf());
    const running = it.exchange("01R");
    it.flush();
    const db = new Database(path);
    db.pragma("wal_checkpoint(TRUNCATE)");
    db.close();
    const file = readFileSync(path);
    for (let page = 1; page < file.length / 4096; page++) file.fill(0x5a, page * 4096, page * 4096 + 64);
    writeFileSync(path, file);
    // Another connection's write makes ours read the pages again.
    const poke = new Database(path);
    poke.pragma(`user_version = ${SCHEMA_VERSION}`);
    poke.close();
    it.exchange("01S").end(endOf());
    it.flush();
    running.end(endOf());
    it.exchange("01T").end(endOf());
    it.flush();
    expect(it.types()).toEqual(["done", "fault corrupt", "set-aside", "done", "ok", "done"]);
    expect(ids(path)).toEqual(["01R completed truncated", "01T completed"].toReversed());
  });

  test("a newer schema and another program's database are left alone", () => {
    using folder = temporary();
    for (const [name, setUp, fault] of [
      ["newer", "PRAGMA application_id = 1819046008; PRAGMA user_version = 99", "newer-schema"],
      ["other", "CREATE TABLE t (a); INSERT INTO t VALUES (1)", "not-ours"],
    ] as const) {
      const path = folder.file(name);
      const db = new Database(path);
      db.exec(setUp);
      db.close();
      const before = readFileSync(path);
      const it = keeperAt(path);
      it.exchange("01A").end(endOf());
      it.flush();
      expect(it.types()).toEqual([`fault ${fault}`, "done"]);
      expect(it.done()).toMatchObject({ lost: 1 });
      it.keeper.close();
      expect(readFileSync(path)).toEqual(before);
    }
  });

  test.skipIf(process.platform === "win32")("a new file and its journal are for their owner alone", () => {
    using folder = temporary();
    const it = keeperAt(folder.file("new/r.db"));
    it.exchange("01A").end(endOf());
    it.flush();
    for (const name of ["new/r.db", "new/r.db-wal"]) expect(statSync(folder.file(name)).mode & 0o777).toBe(0o600);
    expect(statSync(folder.file("new")).mode & 0o777).toBe(0o700);
  });

  test("an empty file is one to begin in", () => {
    using folder = temporary();
    writeFileSync(folder.file(), "");
    const it = keeperAt(folder.file());
    it.exchange("01A").end(endOf());
    it.flush();
    expect(it.types()).toEqual(["done"]);
  });

  test("a folder in the file's place is read-only, not a crash", () => {
    using folder = temporary();
    mkdirSync(folder.file());
    const it = keeperAt(folder.file());
    it.exchange("01A").end(endOf());
    it.flush();
    expect(it.types()).toEqual(["fault read-only", "done"]);
  });
});

describe("exchanges that did not end", () => {
  test("are interrupted when their writer closes, and keep what came", () => {
    using folder = temporary();
    const it = keeperAt(folder.file());
    it.exchange("01A", 50);
    it.flush();
    expect(ids(folder.file())).toEqual(["01A running"]);
    it.keeper.close();
    expect(ids(folder.file())).toEqual(["01A interrupted truncated"]);
    using reader = openReader(folder.file());
    expect(reader.get("01A")?.response?.pieces[0]?.upstream).toEqual(Buffer.from(noise(50)));
    expect(reader.list({ errors: true })).toHaveLength(1);
  });

  test("of a living writer that shares the file are left alone", () => {
    using folder = temporary();
    const it = keeperAt(folder.file());
    it.exchange("01A");
    it.flush();
    const db = new Database(folder.file());
    // Process 1 lives as long as the machine does.
    db.exec("UPDATE run SET pid = 1");
    db.close();
    const other = keeperAt(folder.file(), it.clock);
    other.exchange("01B").end(endOf());
    other.flush();
    expect(ids(folder.file())).toContain("01A running");
    other.clock.now += 200_000;
    other.keeper.maintain();
    expect(ids(folder.file())).toContain("01A interrupted truncated");
  });
});

test("one id told twice is one row", () => {
  using folder = temporary();
  const it = keeperAt(folder.file());
  it.exchange("01A").end(endOf());
  it.flush();
  it.exchange("01A").end(endOf());
  it.flush();
  expect(ids(folder.file())).toEqual(["01A completed truncated"]);
  using reader = openReader(folder.file());
  expect(reader.get("01A")?.response?.pieces.map((piece) => piece.seq)).toEqual([0, 1]);
});
