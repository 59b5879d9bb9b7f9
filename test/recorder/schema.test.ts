import Database from "better-sqlite3";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { SCHEMA_DOC, schemaDoc } from "../../scripts/schema-doc.ts";
import { APPLICATION_ID, SCHEMA_VERSION, migrate } from "../../src/recorder/schema.ts";

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

test("docs/schema.md is what scripts/schema-doc.ts writes", () => {
  expect(readFileSync(SCHEMA_DOC, "utf8")).toBe(schemaDoc());
});
