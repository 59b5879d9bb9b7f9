import Database from "better-sqlite3";
import { closeSync, existsSync, mkdirSync, openSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { FaultError, faultOf } from "./faults.ts";
import { APPLICATION_ID, MIGRATIONS, migrate } from "./schema.ts";

export interface Opened {
  readonly db: Database.Database;
  /** Where a damaged file was moved to. */
  readonly setAside: string | undefined;
}

/** Up to this size a file whose last writer died is checked page by page before it is written to. */
const CHECK_BYTES = 64 * 1024 * 1024;
const BUSY_MS = 1000;
/** A person who asked for the work waits longer than the recorder may. */
const WAIT_MS = 5000;

/**
 * Opens the file for writing, makes it where there is none, brings an older one up to date. A
 * damaged file is renamed and a new one begun. Throws what `faultOf` can name.
 */
export function openForWriting(path: string, wallMs: number, migrations = MIGRATIONS): Opened {
  makeFolder(dirname(path));
  // Prompts are nobody else's business. SQLite gives its journal the mode of the file.
  if (!existsSync(path)) closeSync(openSync(path, "a", 0o600));
  try {
    return { db: open(path, migrations), setAside: undefined };
  } catch (cause) {
    if (faultOf(cause) !== "corrupt") throw cause;
    const setAside = moveAside(path, wallMs);
    return { db: open(path, migrations), setAside };
  }
}

/**
 * The folder and those above it. One level at a time: node's recursive mkdir never returns where the
 * file system answers ENOENT for a folder whose parent exists, as /proc does.
 */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  const parent = dirname(folder);
  if (parent !== folder) makeFolder(parent);
  mkdirSync(folder, { mode: 0o700 });
}

function open(path: string, migrations: typeof MIGRATIONS): Database.Database {
  const db = new Database(path, { timeout: BUSY_MS });
  try {
    checkOwner(db, path, migrations.length);
    // Only has an effect before the first table is made.
    db.pragma("auto_vacuum = INCREMENTAL");
    db.pragma("journal_mode = WAL");
    db.pragma("synchronous = NORMAL");
    // In KiB; taken as the file grows. Into a small file writing is as fast with an eighth of it, into a million rows that is not known.
    db.pragma("cache_size = -65536");
    // What is deleted (the journal of a stream that has ended, most of all) leaves no text behind in pages that stay.
    db.pragma("secure_delete = FAST");
    db.pragma("journal_size_limit = 67108864");
    migrate(db, migrations);
    if (diedWriting(db) && statSync(path).size <= CHECK_BYTES) {
      const verdict = db.pragma("quick_check(1)", { simple: true });
      if (verdict !== "ok") throw new FaultError("corrupt", `quick_check: ${String(verdict)}`);
    }
    return db;
  } catch (cause) {
    db.close();
    throw cause;
  }
}

/** Opens a file that is there, beside a sidecar that writes or without one, for one piece of work. Throws SqliteError or FaultError. */
export function withFile<T>(path: string, work: (db: Database.Database) => T): T {
  const db = new Database(path, { fileMustExist: true, timeout: WAIT_MS });
  try {
    checkOwner(db, path, MIGRATIONS.length);
    migrate(db);
    return work(db);
  } finally {
    db.close();
  }
}

/** Throws FaultError when the file is not ours or newer than we are. An empty file is fine. */
function checkOwner(db: Database.Database, path: string, known: number): void {
  const owner = db.pragma("application_id", { simple: true });
  const version = db.pragma("user_version", { simple: true }) as number;
  if (owner === APPLICATION_ID) {
    if (version > known) {
      throw new FaultError("newer-schema", `${path} has schema ${version}, this llama-proxy knows ${known}`);
    }
    return;
  }
  const tables = db.prepare("SELECT count(*) FROM sqlite_schema").pluck().get();
  if (owner !== 0 || version !== 0 || tables !== 0) throw new FaultError("not-ours", `${path} belongs to another program`);
}

function diedWriting(db: Database.Database): boolean {
  return db.prepare("SELECT 1 FROM run WHERE ended_at IS NULL LIMIT 1").get() !== undefined;
}

/** Renames a damaged file and its journal. Returns the new name. Throws node:fs errors. */
export function moveAside(path: string, wallMs: number): string {
  const stamp = new Date(wallMs).toISOString().replaceAll(":", "").replace("T", "-").slice(0, 17);
  let target = `${path}.damaged-${stamp}`;
  for (let n = 2; existsSync(target); n++) target = `${path}.damaged-${stamp}-${n}`;
  renameSync(path, target);
  for (const suffix of ["-wal", "-shm"]) {
    if (existsSync(path + suffix)) renameSync(path + suffix, target + suffix);
  }
  return target;
}
