/** Reading: everything the command line asks of a recording file. Loads neither telemetry nor HTTP. */
import { connect } from "./connect.ts";
import { createLists } from "./lists.ts";
import { createLoader } from "./load.ts";
import { createQuery } from "./query.ts";
import type { Reader } from "./reader-contract.ts";
import { ReaderError, asReaderError } from "./reader-error.ts";
import { SCHEMA_VERSION } from "./schema.ts";
import { readSessions } from "./sessions.ts";
import { readFixLedger } from "./fix-ledger.ts";
import { readStats } from "./stats.ts";

export * from "./reader-contract.ts";
export { ReaderError, type ReaderErrorCode } from "./reader-error.ts";

/** Opens a recording file for reading. Throws ReaderError, `older-schema` and `newer-schema` for a file of another version. */
export function openReader(path: string, known = SCHEMA_VERSION): Reader {
  const { db, schemaVersion, another } = connect(path, known);
  const { lists, loader, query } = prepared();
  let open = true;

  /** Prepares its statements, which a file whose schema is damaged does not take. */
  function prepared() {
    try {
      return { lists: createLists(db), loader: createLoader(db), query: createQuery(db, another) };
    } catch (cause) {
      db.close();
      throw asReaderError(cause, path);
    }
  }

  /** Every fault leaves as a ReaderError. */
  function guard<T>(work: () => T, sql?: string): T {
    if (!open) throw new ReaderError("closed", `the reader of ${path} is closed`);
    try {
      return work();
    } catch (cause) {
      throw asReaderError(cause, path, sql);
    }
  }

  function* iterate(filter: Parameters<Reader["iterate"]>[0]) {
    // Ids first: the recordings may take long to work through, and a read transaction holds up checkpoints.
    for (const id of guard(() => lists.ids(filter ?? {}))) {
      const recording = guard(() => loader.load(id));
      if (recording) yield recording;
    }
  }

  function close(): void {
    open = false;
    query.close();
    db.close();
  }

  return {
    path,
    schemaVersion,
    list: (filter = {}) => guard(() => lists.list(filter)),
    resolve: (spec) => guard(() => lists.resolve(spec)),
    get: (id) => guard(() => loader.load(id)),
    stats: (filter = {}) => guard(() => readStats(db, filter)),
    fixLedger: (filter = {}) => guard(() => readFixLedger(db, filter)),
    sessions: (filter = {}) => guard(() => readSessions(db, filter)),
    query: (sql, options = {}) => guard(() => query.run(sql, options.limit), sql),
    iterate,
    since: (cursor) => guard(() => lists.since(cursor)),
    cursor: () => guard(() => lists.cursor()),
    close,
    [Symbol.dispose]: close,
  };
}
