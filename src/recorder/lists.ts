import type { Database } from "better-sqlite3";
import type { RecordedExchange } from "../core/recording.ts";
import type { Ended, ListFilter, Resolved } from "./reader-contract.ts";
import { toExchange, type ExchangeColumns } from "./rows.ts";

export interface Lists {
  list(filter: ListFilter): RecordedExchange[];
  /** Oldest first, without a limit. */
  ids(filter: Omit<ListFilter, "limit">): string[];
  resolve(spec: string): Resolved;
  since(cursor: number): Ended;
  cursor(): number;
}

const LIMIT = 10;
const CANDIDATES = 10;
/** Ended exchanges handed out in one look. */
const ENDED = 1000;

export function createLists(db: Database): Lists {
  function newest(limit: number, offset = 0, where = "1"): string[] {
    return db
      .prepare<[number, number], string>(`SELECT id FROM exchange WHERE ${where} ORDER BY started_at DESC, seq DESC LIMIT ? OFFSET ?`)
      .pluck()
      .all(limit, offset);
  }

  function notFound(spec: string): Resolved {
    return { kind: "not-found", spec, candidates: newest(3) };
  }

  function nth(spec: string, offset: number, where?: string): Resolved {
    const [id] = newest(1, offset, where);
    return id === undefined ? notFound(spec) : { kind: "found", id };
  }

  return {
    list(filter) {
      const { where, values } = conditions(filter);
      const rows = db.prepare<unknown[], ExchangeColumns>(
        `SELECT * FROM exchange WHERE ${where} ORDER BY started_at DESC, seq DESC LIMIT ?`,
      );
      return rows.all(...values, filter.limit ?? LIMIT).map(toExchange);
    },
    ids(filter) {
      const { where, values } = conditions(filter);
      return db
        .prepare<unknown[], string>(`SELECT id FROM exchange WHERE ${where} ORDER BY started_at, seq`)
        .pluck()
        .all(...values);
    },
    resolve(spec) {
      const last = /^last(?:~(\d{1,9}))?(?::(fixed|error))?$/.exec(spec);
      if (last) return nth(spec, Number(last[1] ?? 0), last[2] && (last[2] === "fixed" ? "fixes IS NOT NULL" : "failed = 1"));
      if (spec === "") return notFound(spec);
      const found = db
        .prepare<[string, string, number], string>("SELECT id FROM exchange WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT ?")
        .pluck()
        .all(spec, `${spec}\u{10FFFF}`, CANDIDATES);
      const [only] = found;
      if (only === undefined) return notFound(spec);
      if (found.length === 1) return { kind: "found", id: only };
      const exact = db.prepare<[string], string>("SELECT id FROM exchange WHERE id = ?").pluck().get(spec);
      return exact === undefined ? { kind: "ambiguous", spec, candidates: found } : { kind: "found", id: exact };
    },
    since(cursor) {
      const rows = db
        .prepare<[number, number], ExchangeColumns>("SELECT * FROM exchange WHERE ended_order > ? ORDER BY ended_order LIMIT ?")
        .all(cursor, ENDED);
      return { exchanges: rows.map(toExchange), cursor: rows.at(-1)?.ended_order ?? cursor };
    },
    cursor: () => db.prepare<[], number | null>("SELECT max(ended_order) FROM exchange WHERE ended_order IS NOT NULL").pluck().get() ?? 0,
  };
}

function conditions(filter: ListFilter): { where: string; values: unknown[] } {
  const parts: string[] = ["1"];
  const values: unknown[] = [];
  function and(condition: string, value?: unknown): void {
    parts.push(condition);
    if (value !== undefined) values.push(value);
  }
  if (filter.since !== undefined) and("started_at >= ?", filter.since);
  if (filter.until !== undefined) and("started_at < ?", filter.until);
  if (filter.model !== undefined) and("model = ?", filter.model);
  if (filter.session !== undefined) and("session = ?", filter.session);
  if (filter.errors) and("failed = 1");
  if (filter.fixed) and("fixes IS NOT NULL");
  if (filter.slowMs !== undefined) and("duration_ms >= ?", filter.slowMs);
  return { where: parts.join(" AND "), values };
}
