import type { Database } from "better-sqlite3";
import type { SessionRow } from "./reader-contract.ts";

const LIMIT = 20;

/**
 * Turns of a session in order; each turn could have found in the cache what the turn before left
 * in the context (its prompt and its completion). What it did not, it processed again.
 */
const SESSIONS = `
  WITH turn AS (
    SELECT e.*,
      lag(coalesce(e.prompt_tokens, 0) + coalesce(e.completion_tokens, 0)) OVER (PARTITION BY e.session ORDER BY e.started_at, e.seq) AS left_behind
    FROM json_each(?) s JOIN exchange e ON e.session = s.value
    WHERE e.started_at >= ? AND e.started_at < ?
  ), cost AS (
    SELECT *, CASE WHEN cached_tokens IS NOT NULL THEN max(0, min(left_behind, prompt_tokens) - cached_tokens) END AS again FROM turn
  )
  SELECT session, min(session_source) AS source, max(client) AS client, max(model) AS model,
    count(*) AS turns, sum(failed) AS errors, min(started_at) AS firstAt, max(started_at) AS lastAt,
    coalesce(sum(prompt_tokens), 0) AS promptTokens, coalesce(sum(completion_tokens), 0) AS completionTokens,
    coalesce(sum(cached_tokens), 0) AS cachedTokens,
    1.0 * sum(cached_tokens) / nullif(sum(CASE WHEN cached_tokens IS NOT NULL THEN prompt_tokens END), 0) AS cacheReuse,
    coalesce(sum(again), 0) AS reprocessedTokens, coalesce(sum(again * 1000.0 / prompt_tps), 0) AS reprocessedMs
  FROM cost GROUP BY session ORDER BY lastAt DESC`;

/** Newest first. */
export function readSessions(
  db: Database,
  filter: { readonly since?: number; readonly until?: number; readonly limit?: number },
): SessionRow[] {
  const range = [filter.since ?? 0, filter.until ?? Number.MAX_SAFE_INTEGER] as const;
  // Backwards until there are enough: a GROUP BY would go through all there ever were.
  const recent = new Set<string>();
  const newest = db
    .prepare<[number, number], string>(
      "SELECT session FROM exchange WHERE session IS NOT NULL AND started_at >= ? AND started_at < ? ORDER BY started_at DESC",
    )
    .pluck();
  for (const session of newest.iterate(...range)) {
    recent.add(session);
    if (recent.size >= (filter.limit ?? LIMIT)) break;
  }
  return db
    .prepare<unknown[], Record<string, unknown>>(SESSIONS)
    .all(JSON.stringify([...recent]), ...range)
    .map((row) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as unknown as SessionRow);
}
