import { existsSync, readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ReaderError, openReader, type Reader } from "../../src/recorder/reader.ts";
import { createRecorder } from "../../src/recorder/recorder.ts";
import { VIEWS } from "../../src/recorder/views.ts";
import { bytes, chat, endOf, fixedNote, play, temporary } from "./support.ts";

const folder = temporary();
let reader: Reader;

beforeAll(async () => {
  {
    await using recorder = createRecorder({ path: folder.file() });
    play(
      recorder,
      chat("01A", {
        body: bytes(
          '{"messages":[{"role":"system","content":"be brief"},{"role":"user","content":[{"type":"text","text":"one"},{"type":"text","text":"two"}]}]}',
        ),
        frames: [
          {
            atMs: 10.5,
            upstream: bytes(
              'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"read","arguments":"{\\"p\\":"}}]}}]}\n\n',
            ),
          },
          {
            atMs: 11,
            upstream: bytes("data: bad\n\n"),
            sent: bytes('data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}}]}\n\n'),
          },
          { atMs: 12, upstream: Uint8Array.of(0xff) },
        ],
        end: endOf({ notes: [fixedNote] }),
      }),
    );
    play(
      recorder,
      chat("01B", {
        body: bytes('{"system":[{"type":"text","text":"sys"}],"messages":[{"role":"user","content":"hi"}]}'),
        framed: false,
        frames: [
          { atMs: 1, upstream: bytes('{"content":[{"type":"text","text":"t"},{"type":"tool_use","id":"t1","name":"w","input":{"a":1}}]}') },
        ],
      }),
    );
    play(
      recorder,
      chat("01C", {
        body: bytes('{"instructions":"sys","input":"hello"}'),
        frames: [
          {
            atMs: 1,
            upstream: bytes(
              'event: response.output_item.done\ndata: {"type":"response.output_item.done","item":{"type":"function_call","id":"f","call_id":"c","name":"n","arguments":"{}"}}\n\n',
            ),
          },
        ],
      }),
    );
  }
  reader = openReader(folder.file());
});
afterAll(() => {
  reader.close();
  folder[Symbol.dispose]();
});

describe("the documented views", () => {
  test.each(VIEWS.map((view) => [view.name, view.columns.map((column) => column.name)] as const))(
    "%s has the columns it promises",
    (name, columns) => {
      const { columns: found, rows } = reader.query(`SELECT * FROM ${name}`);
      expect(found).toEqual(columns);
      expect(rows.length).toBeGreaterThan(0);
    },
  );

  test("frames, in order, bytes that are no text as blobs", () => {
    expect(reader.query("SELECT seq, at_ms, changed, typeof(upstream) FROM frames WHERE id = '01A'").rows).toEqual([
      [0, 10.5, 0, "text"],
      [1, 11, 1, "text"],
      [2, 12, 0, "blob"],
    ]);
  });

  test("messages of every shape", () => {
    expect(reader.query("SELECT id, n, role, content FROM messages").rows).toEqual([
      ["01A", 0, "system", "be brief"],
      ["01A", 1, "user", "one\ntwo"],
      ["01B", 0, "system", "sys"],
      ["01B", 1, "user", "hi"],
      ["01C", 0, "system", "sys"],
      ["01C", 1, "user", "hello"],
    ]);
  });

  test("tool calls as the client got them, in every API", () => {
    expect(reader.query("SELECT id, call_id, name, arguments, valid FROM tool_calls").rows).toEqual([
      ["01A", "c1", "read", '{"p":1}', 1],
      ["01B", "t1", "w", '{"a":1}', 1],
      ["01C", "c", "n", "{}", 1],
    ]);
  });

  test("exchanges work out totals as the metrics do", () => {
    expect(
      reader.query("SELECT total_tokens, context_used, round(context_percent, 3), started_at, outcome FROM exchanges WHERE id = '01A'")
        .rows,
    ).toEqual([[120, 120, 2.93, "2027-01-15T08:00:00.000Z", "completed"]]);
  });
});

describe("what a query may do", () => {
  test.each([
    "select count(*) from exchanges",
    "-- how many\n/* really */ WITH a AS (SELECT 1 AS x) SELECT x FROM a",
    "VALUES (1)",
    "EXPLAIN QUERY PLAN SELECT * FROM exchanges",
    "SELECT percentile(duration_ms, 95) FROM exchanges",
  ])("%s", (sql) => {
    expect(reader.query(sql).rows.length).toBeGreaterThan(0);
  });

  test("rows beyond the limit are cut, and it says so", () => {
    expect(reader.query("SELECT id FROM exchanges ORDER BY id", { limit: 2 })).toEqual({
      columns: ["id"],
      rows: [["01A"], ["01B"]],
      truncated: true,
    });
    expect(reader.query("SELECT id FROM exchanges", { limit: 3 }).truncated).toBe(false);
  });

  test.each([
    "VACUUM INTO 'escape.db'",
    "ATTACH 'escape.db' AS e",
    "/* x */ ATTACH 'escape.db' AS e",
    "DETACH main",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA query_only = OFF",
    "PRAGMA writable_schema = ON",
    "EXPLAIN PRAGMA journal_mode = DELETE",
    "EXPLAIN VACUUM INTO 'escape.db'",
    "EXPLAIN QUERY PLAN DELETE FROM exchange",
    "SELECT 1; DELETE FROM exchange",
    "WITH a AS (SELECT 1) INSERT INTO run SELECT 1,1,1,1,1 FROM a",
    "WITH a AS (SELECT 1) DELETE FROM exchange",
    "WITH a AS (SELECT 1) UPDATE exchange SET id = 'x' RETURNING id",
    "DELETE FROM exchange RETURNING id",
    "CREATE TEMP TABLE t (a)",
    "BEGIN IMMEDIATE",
    "REINDEX",
    "ANALYZE",
    "SELECT load_extension('escape')",
    "SELECT writefile('escape.db', 'x')",
    "SELECT * FROM pragma_journal_mode('delete')",
    "SELECT * FROM pragma_wal_checkpoint",
    "SELECT * FROM pragma_optimize",
    "SELECT * FROM pragma_user_version(5)",
    "",
    "garbage",
  ])("not %j", (sql) => {
    expect(() => reader.query(sql)).toThrow(ReaderError);
    expect(existsSync("escape.db")).toBe(false);
  });

  test("nothing was written by all that", () => {
    expect(reader.query("SELECT count(*) FROM exchanges").rows).toEqual([[3]]);
    expect(reader.query("SELECT name FROM pragma_database_list").rows).toEqual([["main"]]);
    expect(readdirSync(folder.path).filter((name) => name !== "r.db" && !name.startsWith("r.db-"))).toEqual([]);
  });

  test("several statements are refused for what they are, not taken for a damaged file", () => {
    expect(() => reader.query("SELECT 1; SELECT 2")).toThrow(/one statement at a time/);
  });

  test("bad SQL is answered in SQLite's words", () => {
    expect(() => reader.query("SELECT nought FROM exchanges")).toThrow(/no such column: nought/);
  });
});
