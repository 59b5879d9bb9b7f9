import Database from "better-sqlite3";
import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { openForWriting } from "../../src/recorder/open.ts";
import { USE_WINDOW } from "../../src/recorder/pieces.ts";
import { pinExchange, pruneFile } from "../../src/recorder/prune-file.ts";
import { pruneStep, type PruneStep } from "../../src/recorder/prune.ts";
import { openReader } from "../../src/recorder/reader.ts";
import { createRecorder } from "../../src/recorder/recorder.ts";
import { bytes, chat, play, startOf, temporary, until } from "./support.ts";

const T0 = Date.UTC(2026, 0, 1);
const DAY = 86_400_000;

/** `count` exchanges a minute apart, each with a big message of its own and one that all share. */
async function record(path: string, count: number, first = 0): Promise<void> {
  await using recorder = createRecorder({ path, maxAgeMs: 1e15 });
  for (let i = first; i < first + count; i++) {
    const id = `01-${String(i).padStart(5, "0")}`;
    const own = randomBytes(3000).toString("base64");
    play(
      recorder,
      chat(id, { start: startOf(id, { at: T0 + i * 60_000 }), body: bytes(`{"messages":["shared by all of them","${own}"]}`) }),
    );
    if (i % 50 === 49) await until(() => recorder.stats().queuedBytes < 1_000_000, "room");
  }
}

const size = (path: string) => statSync(path).size;
const list = (path: string) => {
  using reader = openReader(path);
  return reader.list({ limit: 10_000 }).map(({ id }) => id);
};

describe("pruning", () => {
  test("by age: the old are gone, the file is smaller, the others are whole", async () => {
    using folder = temporary();
    const path = folder.file();
    await record(path, 600);
    const before = size(path);
    const result = pruneFile(path, { maxAgeMs: 100 * 60_000, maxBytes: 1e12 }, T0 + 600 * 60_000);
    expect(result).toMatchObject({ removed: 500, left: 100 });
    expect(result.bytesAfter).toBe(size(path));
    // Pieces outlive their last user by USE_WINDOW exchanges.
    expect(size(path)).toBeLessThan(before * ((100 + USE_WINDOW + 20) / 600));
    using reader = openReader(path);
    for (const recording of reader.iterate()) expect(recording.request.body.length).toBeGreaterThan(4000);
    expect(list(path)).toHaveLength(100);
  });

  test("by size: the oldest go first, until it fits", async () => {
    using folder = temporary();
    const path = folder.file();
    await record(path, 600);
    const cap = Math.round(size(path) / 2);
    pruneFile(path, { maxAgeMs: 1e15, maxBytes: cap }, T0);
    expect(size(path)).toBeLessThanOrEqual(cap);
    const left = list(path);
    expect(left.length).toBeGreaterThan(50);
    expect(left[0]).toBe("01-00599");
    expect(left).toEqual(Array.from({ length: left.length }, (_, i) => `01-${String(599 - i).padStart(5, "0")}`));
  });

  test("by size, of few and large exchanges: the newest that fit stay", async () => {
    using folder = temporary();
    const path = folder.file();
    {
      await using recorder = createRecorder({ path, maxAgeMs: 1e15 });
      for (let i = 0; i < 40; i++) {
        const id = `01-${String(i).padStart(5, "0")}`;
        const own = randomBytes(45_000).toString("base64");
        play(recorder, chat(id, { start: startOf(id, { at: T0 + i * 60_000 }), body: bytes(`{"messages":["shared","${own}"]}`) }));
        await until(() => recorder.stats().queuedBytes < 1_000_000, "room");
      }
    }
    const cap = Math.round(size(path) / 2);
    pruneFile(path, { maxAgeMs: 1e15, maxBytes: cap }, T0);
    expect(size(path)).toBeLessThanOrEqual(cap);
    const left = list(path);
    expect(left.length).toBeGreaterThan(12);
    expect(left[0]).toBe("01-00039");
    using reader = openReader(path);
    for (const recording of reader.iterate()) expect(recording.request.body.length).toBeGreaterThan(60_000);
  });

  test("pinned recordings stay, and stay whole", async () => {
    using folder = temporary();
    const path = folder.file();
    await record(path, 300);
    using before = openReader(path);
    const pinned = before.get("01-00003")?.request.body;
    expect(pinExchange(path, "01-00003", true)).toBe(true);
    expect(pinExchange(path, "01-nobody", true)).toBe(false);
    expect(pruneFile(path, { maxAgeMs: 0, maxBytes: 1 }, T0 + 100 * DAY)).toMatchObject({ removed: 299, left: 1 });
    using reader = openReader(path);
    expect(reader.get("01-00003")?.request.body).toEqual(pinned);
    expect(reader.query("SELECT count(*) FROM piece").rows).toEqual([[4]]);
    pinExchange(path, "01-00003", false);
    expect(pruneFile(path, { maxAgeMs: 0, maxBytes: 1 }, T0 + 100 * DAY)).toMatchObject({ removed: 1, left: 0 });
    expect(reader.query("SELECT (SELECT count(*) FROM piece), (SELECT count(*) FROM piece_pin), (SELECT count(*) FROM part)").rows).toEqual(
      [[0, 0, 0]],
    );
  });

  test("in small steps, between which a recorder may write", async () => {
    using folder = temporary();
    await record(folder.file(), 600);
    const { db } = openForWriting(folder.file(), T0);
    const steps: PruneStep[] = [];
    do steps.push(pruneStep(db, { maxAgeMs: 0, maxBytes: 1 }, T0 + DAY));
    while (steps.at(-1)?.more);
    db.close();
    expect(steps.reduce((sum, { exchanges }) => sum + exchanges, 0)).toBe(600);
    expect(Math.max(...steps.map(({ exchanges }) => exchanges))).toBeLessThanOrEqual(100);
    expect(Math.max(...steps.map(({ pieces }) => pieces))).toBeLessThanOrEqual(500);
  });

  test("beside a sidecar that writes: what it remembers of pruned pieces is not used", async () => {
    using folder = temporary();
    const path = folder.file();
    await using recorder = createRecorder({ path, maxAgeMs: 1e15 });
    play(recorder, chat("01A"));
    await until(() => recorder.stats().written === 1, "the first");
    expect(pruneFile(path, { maxAgeMs: 0, maxBytes: 1 }, Date.now() + 1e12)).toMatchObject({ removed: 1 });
    const again = chat("01A");
    play(recorder, { ...again, start: startOf("01B") });
    await until(() => recorder.stats().written === 2, "the second");
    using reader = openReader(path);
    expect(reader.get("01B")?.request.body).toEqual(Buffer.from(again.body));
  });

  test("the recorder prunes by itself", async () => {
    using folder = temporary();
    const path = folder.file();
    await record(path, 5);
    await using recorder = createRecorder({ path, maxAgeMs: 1000 });
    await until(() => list(path).length === 0, "the pruning");
    expect(recorder.stats().problem).toBeUndefined();
  });

  test("leaves other programs' databases alone", () => {
    using folder = temporary();
    const db = new Database(folder.file());
    db.exec("CREATE TABLE exchange (a)");
    db.close();
    expect(() => pruneFile(folder.file(), { maxAgeMs: 0, maxBytes: 0 }, T0)).toThrow(/another program/);
  });
});

test("a piece that many requests use is not renewed for each of them, and never lost", async () => {
  using folder = temporary();
  const path = folder.file();
  await record(path, USE_WINDOW * 3);
  using reader = openReader(path);
  const [[used]] = reader.query("SELECT used FROM piece WHERE size = 23").rows as [[number]];
  expect(USE_WINDOW * 3 - used).toBeLessThan(USE_WINDOW);
  pruneFile(path, { maxAgeMs: 60_000 * 2, maxBytes: 1e12 }, T0 + USE_WINDOW * 3 * 60_000);
  for (const recording of reader.iterate()) expect(Buffer.from(recording.request.body).toString()).toContain("shared by all");
  expect(list(path)).toHaveLength(2);
});
