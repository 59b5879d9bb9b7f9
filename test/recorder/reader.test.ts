import Database from "better-sqlite3";
import { chmodSync, copyFileSync, readdirSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ReaderError, openReader, type Reader } from "../../src/recorder/reader.ts";
import { createRecorder } from "../../src/recorder/recorder.ts";
import { asNobody, bytes, chat, endOf, fixedNote, play, startOf, temporary, until, viewOf } from "./support.ts";

const READER = new URL("../../src/recorder/reader.ts", import.meta.url);
const READ = "const { openReader } = await import(process.argv[1]); console.log(openReader(process.argv[2]).list().length)";
const HOUR = 3_600_000;
const T0 = Date.UTC(2026, 10, 20, 8);
const folder = temporary();
const path = folder.file();
let reader: Reader;

beforeAll(async () => {
  await using recorder = createRecorder({ path });
  for (let i = 0; i < 30; i++) {
    const id = `01K${i < 20 ? "A" : "B"}${String(i).padStart(2, "0")}`;
    const model = i % 3 === 0 ? "gemma" : "qwen";
    play(
      recorder,
      chat(id, {
        start: startOf(id, { at: T0 + i * HOUR * 0.1, client: i % 2 ? "opencode" : "claude", session: i < 10 ? "ses-a" : "ses-b" }),
        view: viewOf({ model }),
        end: endOf({
          durationMs: 100 + i,
          firstTokenMs: 10 + i,
          ...(i === 7 ? { status: 500, errorType: "server_error" } : {}),
          ...(i === 11 ? { outcome: "client-gone" as const } : {}),
          notes: i === 5 || i === 25 ? [fixedNote] : [],
        }),
      }),
    );
  }
});
beforeAll(() => {
  reader = openReader(path);
});
afterAll(() => {
  reader.close();
  folder[Symbol.dispose]();
});

const ids = (exchanges: readonly { readonly id: string }[]) => exchanges.map(({ id }) => id);

describe("list", () => {
  test("newest first, ten of them", () => {
    expect(ids(reader.list())).toEqual(Array.from({ length: 10 }, (_, i) => `01KB${29 - i}`));
  });

  test("each filter narrows", () => {
    expect(ids(reader.list({ errors: true }))).toEqual(["01KA07"]);
    expect(ids(reader.list({ fixed: true }))).toEqual(["01KB25", "01KA05"]);
    expect(ids(reader.list({ slowMs: 128 }))).toEqual(["01KB29", "01KB28"]);
    expect(ids(reader.list({ model: "gemma", limit: 2 }))).toEqual(["01KB27", "01KB24"]);
    expect(ids(reader.list({ session: "ses-a", limit: 1 }))).toEqual(["01KA09"]);
    expect(ids(reader.list({ since: T0 + HOUR, until: T0 + HOUR * 1.2 }))).toEqual(["01KA11", "01KA10"]);
  });
});

describe("resolve", () => {
  test.each([
    ["01KA07", "01KA07"],
    ["01KB2", undefined],
    ["01KA00", "01KA00"],
    ["last", "01KB29"],
    ["last~2", "01KB27"],
    ["last:fixed", "01KB25"],
    ["last~1:fixed", "01KA05"],
    ["last:error", "01KA07"],
  ])("%s is %s", (spec, id) => {
    const resolved = reader.resolve(spec);
    expect(resolved.kind === "found" ? resolved.id : undefined).toBe(id);
  });

  test("says what an ambiguous prefix may mean", () => {
    expect(reader.resolve("01KB")).toEqual({
      kind: "ambiguous",
      spec: "01KB",
      candidates: Array.from({ length: 10 }, (_, i) => `01KB${29 - i}`),
    });
  });

  test("an id that is the beginning of others is found by itself", async () => {
    using other = temporary();
    {
      await using recorder = createRecorder({ path: other.file() });
      play(recorder, chat("01A"));
      play(recorder, chat("01AB"));
    }
    using small = openReader(other.file());
    expect(small.resolve("01A")).toEqual({ kind: "found", id: "01A" });
  });

  test.each(["zzz", "", "last~99", "%", "01KA07'", "last:slow"])("%j is not found, with examples of ids", (spec) => {
    expect(reader.resolve(spec)).toEqual({ kind: "not-found", spec, candidates: ["01KB29", "01KB28", "01KB27"] });
  });
});

describe("stats", () => {
  test("adds up by model, speeds by time, percentiles that occurred", () => {
    const { totals, rows } = reader.stats({ since: T0, by: "model" });
    expect(rows.map(({ key, requests, errors, fixed }) => [key, requests, errors, fixed])).toEqual([
      ["qwen", 20, 1, 2],
      ["gemma", 10, 0, 0],
    ]);
    expect(totals).toMatchObject({
      requests: 30,
      errors: 1,
      fixed: 2,
      promptTokens: 3000,
      completionTokens: 600,
      cachedTokens: 1800,
      promptTps: 2000,
      cacheReuse: 0.6,
      ttftMs: { p50: 24, p95: 38, p99: 39 },
      durationMs: { p50: 114, p95: 128, p99: 129 },
    });
    expect(totals.generationTps).toBeCloseTo((19 / 80) * 1000);
    expect(totals.contextPercentMax).toBeCloseTo((120 / 4096) * 100);
  });

  test.each([
    ["route", ["/v1/chat/completions"]],
    ["client", ["claude", "opencode"]],
    ["session", ["ses-b", "ses-a"]],
    ["hour", ["2026-11-20T08:00:00Z", "2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z"]],
  ] as const)("by %s", (by, keys) => {
    expect(reader.stats({ by }).rows.map(({ key }) => key)).toEqual(keys);
  });

  test("of nothing", () => {
    expect(reader.stats({ since: T0 + 100 * HOUR })).toEqual({
      totals: { requests: 0, errors: 0, fixed: 0, promptTokens: 0, completionTokens: 0, cachedTokens: 0 },
      rows: [],
    });
  });
});

test("iterate gives whole recordings, oldest first", () => {
  const found = [...reader.iterate({ since: T0 + 2.75 * HOUR })];
  expect(ids(found)).toEqual(["01KB28", "01KB29"]);
  expect(found.every(({ response }) => response?.pieces.length === 2)).toBe(true);
});

test("since follows what ends", async () => {
  using other = temporary();
  await using recorder = createRecorder({ path: other.file() });
  play(recorder, chat("01A"));
  await until(() => recorder.stats().written === 1, "the first");
  using live = openReader(other.file());
  const cursor = live.cursor();
  expect(live.since(cursor).exchanges).toEqual([]);
  play(recorder, chat("01B"));
  play(recorder, chat("01C"));
  await until(() => recorder.stats().written === 3, "the others");
  const next = live.since(cursor);
  expect(ids(next.exchanges)).toEqual(["01B", "01C"]);
  expect(live.since(next.cursor).exchanges).toEqual([]);
});

describe("opening", () => {
  function codeOf(file: string): string {
    try {
      openReader(file).close();
      return "opened";
    } catch (cause) {
      return cause instanceof ReaderError ? `${cause.code}: ${cause.message}` : String(cause);
    }
  }

  test("says what is wrong with a file and what cures it", () => {
    using other = temporary();
    expect(codeOf(other.file("none.db"))).toMatch(/^missing: .*llama-proxy run.*--db/);
    writeFileSync(other.file("empty.db"), "");
    expect(codeOf(other.file("empty.db"))).toMatch(/^missing: nothing is recorded yet/);
    writeFileSync(other.file("text.db"), "no database at all ".repeat(100));
    expect(codeOf(other.file("text.db"))).toMatch(/^not-a-database: .*--db/);
    const foreign = new Database(other.file("foreign.db"));
    foreign.exec("CREATE TABLE t (a)");
    foreign.close();
    expect(codeOf(other.file("foreign.db"))).toMatch(/^not-ours: .*--db/);
    copyFileSync(path, other.file("newer.db"));
    const newer = new Database(other.file("newer.db"));
    newer.pragma("user_version = 99");
    newer.close();
    expect(codeOf(other.file("newer.db"))).toMatch(/^newer-schema: .*schema 99/);
    expect(codeOf(other.path)).toMatch(/^unreadable: /);
  });

  test("works on a copy, and leaves the copy as it was", () => {
    using other = temporary();
    copyFileSync(path, other.file());
    {
      using copy = openReader(other.file());
      expect(copy.list({ limit: 30 })).toHaveLength(30);
    }
    expect(readdirSync(other.path).filter((name) => !name.endsWith("-shm") && !name.endsWith("-wal"))).toEqual(["r.db"]);
  });

  test.skipIf(process.platform === "win32")("works in a folder that cannot be written to", () => {
    using other = temporary();
    copyFileSync(path, other.file());
    chmodSync(other.file(), 0o444);
    chmodSync(other.path, 0o555);
    const answer = asNobody(["--input-type=module", "-e", READ, READER.href, other.file()]);
    chmodSync(other.path, 0o700);
    expect(answer.stderr).toBe("");
    expect(answer.stdout.trim()).toBe("10");
    expect(readdirSync(other.path)).toEqual(["r.db"]);
  });

  test("a closed reader says so", () => {
    const closed = openReader(path);
    closed.close();
    expect(() => closed.list()).toThrow(/closed/);
  });
});

test("bytes that were changed on disk are not passed off as recorded", async () => {
  using other = temporary();
  {
    await using recorder = createRecorder({ path: other.file() });
    play(recorder, chat("01A"));
  }
  const db = new Database(other.file());
  const replacement = Buffer.concat([Buffer.of(0), bytes("other")]);
  db.prepare("UPDATE piece_data SET data = ? WHERE piece = (SELECT id FROM piece ORDER BY size LIMIT 1)").run(replacement);
  using damaged = openReader(other.file());
  expect(() => damaged.get("01A")).toThrow(/does not match its hash/);
  db.prepare("UPDATE piece_data SET data = ?").run(replacement);
  db.close();
  expect(() => damaged.get("01A")).toThrow(/is damaged/);
});
