/** A file of schema 1, as releases before the journal wrote it, through the command line. */
import Database from "better-sqlite3";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { startRecordedLlama } from "../../src/demo/recorded-llama.ts";
import { MIGRATIONS, migrate, SCHEMA_VERSION } from "../../src/recorder/schema.ts";
import { callsOf, cli, recordedDatabase, temporaryFolder } from "../cli/support.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const calls = callsOf("chat-hello-stream", "chat-hello", "tool-duplicate-optional-param-differs-stream");

let old = "";
/** What the commands said of the file before it was made old. */
let before: Readonly<Record<string, unknown>> = {};

const tablesOf = (db: Database.Database) =>
  db.prepare("SELECT name, sql FROM sqlite_schema WHERE type IN ('table', 'index') AND name NOT LIKE 'sqlite_stat%' ORDER BY name").all();

async function saidOf(db: string): Promise<Record<string, unknown>> {
  const asked = [
    ["ls"],
    ["show", "last"],
    ["show", "last~1"],
    ["show", "last~2"],
    ["stats"],
    ["sql", "SELECT * FROM exchanges ORDER BY seq"],
    ["verify"],
  ];
  const answers: Record<string, unknown> = {};
  for (const words of asked) {
    const ran = await cli([...words, "--db", db, "--json"]);
    if (ran.code !== 0) throw new Error(`${words.join(" ")}: ${ran.stderr}`);
    // `stats` reaches up to now.
    answers[words.join(" ")] = { ...(JSON.parse(ran.stdout.toString()) as object), until: undefined };
  }
  return answers;
}

/** Schema 2 brought the journal and nothing else: without it the file is what schema 1 made. */
function makeOld(path: string): void {
  const db = new Database(path);
  expect(db.prepare("SELECT count(*) FROM journal").pluck().get()).toBe(0);
  db.exec("DROP TABLE journal");
  db.pragma("user_version = 1");
  const first = new Database(":memory:");
  migrate(first, MIGRATIONS.slice(0, 1));
  expect(tablesOf(db)).toEqual(tablesOf(first));
  first.close();
  db.close();
}

beforeAll(async () => {
  const { db, ids } = await recordedDatabase(calls);
  await cli(["pin", ids[0] ?? "", "--db", db]);
  before = await saidOf(db);
  makeOld(db);
  old = db;
}, 60_000);

describe("who reads a file of schema 1", () => {
  test.each([["ls"], ["show", "last"], ["stats"], ["sql", "SELECT 1"], ["verify"]])(
    "%s names its state and the cure, and touches nothing",
    async (...words) => {
      const bytes = readFileSync(old);
      const ran = await cli([...words, "--db", old]);
      expect(ran.code).toBe(1);
      expect(ran.stdout.toString()).toBe("");
      expect(ran.stderr).toContain(`written by an older llama-proxy (schema 1, this one needs ${SCHEMA_VERSION})`);
      expect(ran.stderr).toContain("start `llama-proxy run` on it once");
      expect(readFileSync(old).equals(bytes)).toBe(true);
    },
  );
});

describe("who writes a file of schema 1", () => {
  test("run brings it up to date: no row is lost, every command says what it said, and it goes on", async () => {
    const folder = temporaryFolder();
    const db = join(folder, "r.db");
    copyFileSync(old, db);
    await using llama = await startRecordedLlama(calls, { speed: Number.POSITIVE_INFINITY });
    const child = spawn(process.execPath, [MAIN, "run", "--port", "0", "--backend", llama.url.origin, "--db", db], {
      cwd: folder,
      env: { PATH: process.env["PATH"], HOME: folder },
    });
    let stderr = "";
    try {
      const url = await new Promise<string>((resolve, reject) => {
        child.stderr.on("data", (chunk: Buffer) => {
          stderr += chunk.toString();
          const listening = / on (http:\/\/\S+),/.exec(stderr);
          if (listening?.[1]) resolve(listening[1]);
        });
        child.once("exit", () => reject(new Error(stderr)));
      });
      const readable = async () => (await cli(["sql", "SELECT 1", "--db", db])).code;
      await expect.poll(readable, { timeout: 15_000 }).toBe(0);
      expect(await saidOf(db)).toEqual(before);

      const [call] = calls;
      if (!call) throw new Error("no recording");
      const response = await fetch(new URL(call.path, url), {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: new Uint8Array(call.body),
      });
      await response.arrayBuffer();
    } finally {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    const { stdout } = await cli(["ls", "--db", db, "--json"]);
    const { exchanges } = JSON.parse(stdout.toString()) as { exchanges: { outcome: string }[] };
    expect(exchanges.map(({ outcome }) => outcome)).toEqual([calls[0], ...calls].map(() => "completed"));
    expect(stderr).not.toContain("damaged");
  }, 60_000);
});
