import type { Database } from "better-sqlite3";
import type { FixLedgerRow, StatsFilter } from "./reader-contract.ts";

type Row = readonly [fix: string, model: string | null, seen: number, fixed: number, refused: number, lastAt: number];

/** Notes are few beside exchanges, so this reads them all and looks their exchanges up. */
export function readFixLedger(
  db: Database,
  { since = 0, until = Number.MAX_SAFE_INTEGER }: Pick<StatsFilter, "since" | "until">,
): FixLedgerRow[] {
  return db
    .prepare<[number, number], Row>(
      `SELECT n.fix, e.model, count(DISTINCT n.exchange),
              count(DISTINCT CASE WHEN n.action = 'fixed' THEN n.exchange END),
              count(DISTINCT CASE WHEN n.action = 'refused' THEN n.exchange END),
              max(e.started_at)
       FROM note n JOIN exchange e ON e.seq = n.exchange
       WHERE e.started_at >= ? AND e.started_at < ?
       GROUP BY n.fix, e.model
       ORDER BY 3 DESC, n.fix, e.model`,
    )
    .raw()
    .all(since, until)
    .map(([fix, model, seen, fixed, refused, lastAt]) => ({ fix, model, seen, fixed, refused, lastAt }));
}
