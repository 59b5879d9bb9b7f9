import Database from "better-sqlite3";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { SCHEMA_DOC, schemaDoc } from "../../scripts/schema-doc.ts";
import { openForWriting } from "../../src/recorder/open.ts";
import { openReader } from "../../src/recorder/reader.ts";
import { createRecorder } from "../../src/recorder/recorder.ts";
import { APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION, migrate, type Migration } from "../../src/recorder/schema.ts";
import { chat, endOf, play, temporary } from "./support.ts";

function shape(db: Database.Database): unknown[] {
  return db.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").all();
}

describe("migrations", () => {
  test("make a new file, say whose it is, and do nothing twice", () => {
    const db = new Database(":memory:");
    expect(migrate(db)).toEqual({ from: 0, to: SCHEMA_VERSION });
    const first = shape(db);
    expect(migrate(db)).toEqual({ from: SCHEMA_VERSION, to: SCHEMA_VERSION });
    expect(shape(db)).toEqual(first);
    expect(db.pragma("application_id", { simple: true })).toBe(APPLICATION_ID);
    expect(Buffer.from(APPLICATION_ID.toString(16), "hex").toString()).toBe("llpx");
    db.close();
  });

  test("views of an older build are made anew", () => {
    const db = new Database(":memory:");
    migrate(db);
    const first = shape(db);
    db.exec("DROP VIEW exchanges; CREATE VIEW exchanges AS SELECT 1 AS old");
    migrate(db);
    expect(shape(db)).toEqual(first);
    db.close();
  });
});

describe("a file of an older version", () => {
  /** What the next version might bring. */
  const next: readonly Migration[] = [
    ...MIGRATIONS,
    (db) => db.exec("ALTER TABLE exchange ADD COLUMN colour TEXT; UPDATE exchange SET colour = 'red' WHERE failed = 1"),
  ];

  async function older(path: string): Promise<unknown[]> {
    {
      await using recorder = createRecorder({ path });
      for (const id of ["01A", "01B"]) play(recorder, chat(id));
      play(recorder, chat("01C", { end: endOf({ status: 500, errorType: "server_error" }) }));
    }
    using reader = openReader(path);
    return [...reader.iterate({})];
  }

  test("is brought up to date by who writes, with every row and every byte", async () => {
    using folder = temporary();
    const before = await older(folder.file());
    const { db, setAside } = openForWriting(folder.file(), 0, next);
    expect(setAside).toBeUndefined();
    expect(db.pragma("user_version", { simple: true })).toBe(next.length);
    expect(db.prepare("SELECT id, colour FROM exchange ORDER BY id").raw().all()).toEqual([
      ["01A", null],
      ["01B", null],
      ["01C", "red"],
    ]);
    db.close();
    using reader = openReader(folder.file(), next.length);
    expect([...reader.iterate({})]).toEqual(before);
    expect(reader.list()).toHaveLength(3);
  });

  test("is told from a damaged one by who reads, and left as it is", async () => {
    using folder = temporary();
    await older(folder.file());
    const bytes = readFileSync(folder.file());
    expect(() => openReader(folder.file(), next.length)).toThrow(
      `older llama-proxy (schema ${SCHEMA_VERSION}, this one needs ${next.length}): start \`llama-proxy run\``,
    );
    expect(readFileSync(folder.file())).toEqual(bytes);
  });

  test("a migration that fails changes nothing, and the file is not set aside", async () => {
    using folder = temporary();
    const before = await older(folder.file());
    const broken: readonly Migration[] = [...next, (db) => db.exec("ALTER TABLE no_such ADD COLUMN at_all")];
    expect(() => openForWriting(folder.file(), 0, broken)).toThrow("no such table: no_such");
    expect(readdirSync(folder.path).filter((name) => name.includes("damaged"))).toEqual([]);
    using reader = openReader(folder.file());
    expect([...reader.iterate({})]).toEqual(before);
  });

  test("once it is up to date, the older program says so and touches nothing", async () => {
    using folder = temporary();
    await older(folder.file());
    openForWriting(folder.file(), 0, next).db.close();
    expect(() => openForWriting(folder.file(), 0)).toThrow(`has schema ${next.length}, this llama-proxy knows ${SCHEMA_VERSION}`);
    expect(() => openReader(folder.file())).toThrow(`newer llama-proxy (schema ${next.length}, this one knows ${SCHEMA_VERSION})`);
    using reader = openReader(folder.file(), next.length);
    expect(reader.list()).toHaveLength(3);
  });
});

test("docs/schema.md is what scripts/schema-doc.ts writes", () => {
  expect(readFileSync(SCHEMA_DOC, "utf8")).toBe(schemaDoc());
});
