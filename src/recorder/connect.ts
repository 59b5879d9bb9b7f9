import Database from "better-sqlite3";
import { existsSync, readFileSync, statSync } from "node:fs";
import { ReaderError, asReaderError } from "./reader-error.ts";
import { APPLICATION_ID } from "./schema.ts";

export interface Connection {
  readonly db: Database.Database;
  readonly schemaVersion: number;
  /** One more connection to the same file, for functions that read while a statement runs. */
  readonly another: () => Database.Database;
}

const BUSY_MS = 2000;
const IN_MEMORY_BYTES = 512 * 1024 * 1024;

/** Opens read-only and checks that the file is ours and of the schema that is `known`. Throws ReaderError. */
export function connect(path: string, known: number): Connection {
  if (!existsSync(path)) {
    throw new ReaderError("missing", `no recordings at ${path}: start the sidecar with \`llama-proxy run\`, or name a file with --db`);
  }
  try {
    const db = openReadOnly(path);
    const schemaVersion = check(db, path, known);
    return { db, schemaVersion, another: () => openReadOnly(path) };
  } catch (cause) {
    throw asReaderError(cause, path);
  }
}

function openReadOnly(path: string): Database.Database {
  const db = new Database(path, { readonly: true, fileMustExist: true, timeout: BUSY_MS });
  try {
    db.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get();
    return harden(db);
  } catch (cause) {
    db.close();
    // In a folder that we may not write to, SQLite cannot make the journal's index that WAL mode wants.
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    if (!/^SQLITE_(?:CANTOPEN|READONLY)/.test(code)) throw cause;
    return harden(openInMemory(path));
  }
}

/** Without a journal beside it the file is all there is, and it can be read from memory. */
function openInMemory(path: string): Database.Database {
  if (existsSync(`${path}-wal`) || statSync(path).size > IN_MEMORY_BYTES) {
    throw new ReaderError(
      "unreadable",
      `${path} lies in a folder that cannot be written to: copy it (with its -wal file) into one of yours, and name it with --db`,
    );
  }
  const bytes = readFileSync(path);
  // Bytes 18 and 19 of the header say WAL, which memory has not (https://www.sqlite.org/fileformat2.html).
  bytes.fill(1, 18, 20);
  return new Database(bytes, { readonly: true });
}

function harden(db: Database.Database): Database.Database {
  db.pragma("query_only = ON");
  db.pragma("mmap_size = 1073741824");
  db.pragma("cache_size = -32768");
  db.pragma("temp_store = MEMORY");
  return db;
}

function check(db: Database.Database, path: string, known: number): number {
  const version = db.pragma("user_version", { simple: true }) as number;
  let problem: ReaderError | undefined;
  if (version === 0 && db.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined) {
    problem = new ReaderError(
      "missing",
      `nothing is recorded yet at ${path}: send a request through the sidecar, or name another file with --db`,
    );
  } else if (db.pragma("application_id", { simple: true }) !== APPLICATION_ID) {
    problem = new ReaderError("not-ours", `${path} is a database of another program: give the recording file with --db`);
  } else if (version > known) {
    problem = new ReaderError(
      "newer-schema",
      `${path} was written by a newer llama-proxy (schema ${version}, this one knows ${known}): use that version to read it`,
    );
  } else if (version < known) {
    problem = new ReaderError(
      "older-schema",
      `${path} was written by an older llama-proxy (schema ${version}, this one needs ${known}): start \`llama-proxy run\` on it once to bring it up to date`,
    );
  }
  if (problem) {
    db.close();
    throw problem;
  }
  return version;
}
