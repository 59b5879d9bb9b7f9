import type { Database } from "better-sqlite3";
import type { Percentiles, StatsFilter, StatsKey, StatsNumbers, StatsResult } from "./reader-contract.ts";

const KEYS: Readonly<Record<StatsKey, string>> = {
  model: "model",
  route: "route",
  client: "client",
  session: "session",
  hour: "strftime('%Y-%m-%dT%H:00:00Z', started_at / 1000.0, 'unixepoch')",
};

/** Sums and speeds in one pass. A speed over many requests is their tokens by their time: the sum of tps·ms. */
const NUMBERS = `
  count(*) AS requests,
  sum(failed) AS errors,
  count(fixes) AS fixed,
  coalesce(sum(prompt_tokens), 0) AS promptTokens,
  coalesce(sum(completion_tokens), 0) AS completionTokens,
  coalesce(sum(cached_tokens), 0) AS cachedTokens,
  sum(prompt_tps * prompt_ms) / sum(CASE WHEN prompt_tps IS NOT NULL THEN prompt_ms END) AS promptTps,
  sum(generation_tps * generation_ms) / sum(CASE WHEN generation_tps IS NOT NULL THEN generation_ms END) AS generationTps,
  1.0 * sum(CASE WHEN prompt_tokens IS NOT NULL THEN cached_tokens END)
    / nullif(sum(CASE WHEN cached_tokens IS NOT NULL THEN prompt_tokens END), 0) AS cacheReuse,
  avg(100.0 * (coalesce(prompt_tokens, 0) + completion_tokens) / nullif(context_total, 0)) AS contextPercentAvg,
  max(100.0 * (coalesce(prompt_tokens, 0) + completion_tokens) / nullif(context_total, 0)) AS contextPercentMax`;

interface NumbersRow {
  readonly key: string | null;
  readonly requests: number;
  readonly errors: number | null;
  readonly [fact: string]: unknown;
}

/** Ended exchanges only: what still runs has no numbers yet. */
export function readStats(db: Database, filter: StatsFilter): StatsResult {
  const range = [filter.since ?? 0, filter.until ?? Number.MAX_SAFE_INTEGER] as const;
  const key = KEYS[filter.by ?? "model"];
  const rows = db
    .prepare<[number, number], NumbersRow>(`SELECT ${key} AS key, ${NUMBERS} FROM exchange WHERE ${RANGE} GROUP BY 1 ${order(filter)}`)
    .all(...range);
  const totals = db.prepare<[number, number], NumbersRow>(`SELECT NULL AS key, ${NUMBERS} FROM exchange WHERE ${RANGE}`).get(...range);
  const times = readTimes(db, key, range);
  return {
    totals: toNumbers(totals as NumbersRow, times.all),
    rows: rows.map((row) => ({ key: row.key, ...toNumbers(row, times.byKey.get(row.key)) })),
  };
}

const RANGE = "started_at >= ? AND started_at < ? AND outcome IS NOT NULL";

function order(filter: StatsFilter): string {
  return filter.by === "hour" ? "ORDER BY 1" : "ORDER BY requests DESC, 1";
}

function toNumbers(row: NumbersRow, times: Times | undefined): StatsNumbers {
  const { key: _key, errors, ...facts } = row;
  const known = Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== null));
  const ttftMs = times && percentiles(times.ttft);
  const durationMs = times && percentiles(times.duration);
  return {
    ...(known as unknown as StatsNumbers),
    errors: errors ?? 0,
    ...(ttftMs ? { ttftMs } : {}),
    ...(durationMs ? { durationMs } : {}),
  };
}

interface Times {
  readonly ttft: number[];
  readonly duration: number[];
}

/** SQLite's own percentile functions sort once per function and group; here every value is read once and sorted twice. */
function readTimes(db: Database, key: string, range: readonly [number, number]): { all: Times; byKey: Map<string | null, Times> } {
  const all: Times = { ttft: [], duration: [] };
  const byKey = new Map<string | null, Times>();
  const rows = db
    .prepare<[number, number], [string | null, number | null, number | null]>(
      `SELECT ${key}, ttft_ms, duration_ms FROM exchange WHERE ${RANGE}`,
    )
    .raw();
  for (const [name, ttft, duration] of rows.iterate(...range)) {
    let times = byKey.get(name);
    if (!times) byKey.set(name, (times = { ttft: [], duration: [] }));
    if (ttft !== null) {
      times.ttft.push(ttft);
      all.ttft.push(ttft);
    }
    if (duration !== null) {
      times.duration.push(duration);
      all.duration.push(duration);
    }
  }
  return { all, byKey };
}

/** Nearest rank: a value that occurred. */
function percentiles(values: readonly number[]): Percentiles | undefined {
  if (values.length === 0) return undefined;
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
