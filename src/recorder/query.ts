import type { Database, Statement } from "better-sqlite3";
import { registerFunctions } from "./functions.ts";
import type { QueryResult } from "./reader-contract.ts";
import { ReaderError } from "./reader-error.ts";

export interface Query {
  run(sql: string, limit?: number): QueryResult;
  close(): void;
}

/**
 * Statements that only read, by their first word. Not by SQLite's word alone: it calls ATTACH and
 * many PRAGMAs read-only though they touch files and settings, and some act while they are prepared.
 */
const READS = /^(?:select|with|values)\b|^explain\s+query\s+plan\s+(?:select|with|values)\b/i;

export function createQuery(db: Database, another: () => Database): Query {
  let functions: { close(): void } | undefined;
  return {
    run(sql, limit = Number.POSITIVE_INFINITY) {
      if (!READS.test(withoutLeadingComments(sql))) {
        throw new ReaderError(
          "refused",
          "only SELECT, WITH … SELECT, VALUES and EXPLAIN QUERY PLAN are answered: recordings are read-only here",
        );
      }
      functions ??= registerFunctions(db, another);
      const statement = prepareOne(db, sql);
      // WITH may also begin an INSERT, UPDATE or DELETE.
      if (!statement.readonly || !statement.reader)
        throw new ReaderError("refused", "the statement would write: recordings are read-only here");
      const columns = statement.columns().map((column) => column.name);
      const rows: unknown[][] = [];
      let truncated = false;
      for (const row of statement.raw().iterate()) {
        if (rows.length >= limit) {
          truncated = true;
          break;
        }
        rows.push(row);
      }
      return { columns, rows, truncated };
    },
    close: () => functions?.close(),
  };
}

/** Nothing behind the first statement is run, or even compiled: better-sqlite3 throws a RangeError for it. */
function prepareOne(db: Database, sql: string): Statement<[], unknown[]> {
  try {
    return db.prepare<[], unknown[]>(sql);
  } catch (cause) {
    if (cause instanceof RangeError) throw new ReaderError("refused", "one statement at a time, please", { cause });
    throw cause;
  }
}

function withoutLeadingComments(sql: string): string {
  return sql.replace(/^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/, "");
}
