import type { Database } from "better-sqlite3";
import type { Percentiles, StatsFilter, StatsKey, StatsNumbers, StatsResult } from "./reader-contract.ts";

const KEYS: Readonly<Record<StatsKey, string>> = {
  model: "model",
  route: "route",
  client: "client",
  session: "session",
  // Turned into a time once per group: a million strftime() take longer than all the rest.
  hour: "CAST(started_at / 3600000 AS INTEGER)",
};

/** One exchange, in the order of the SELECT below. */
type Row = readonly [
  key: string | number | null,
  failed: number,
  fixed: number,
  promptTokens: number | null,
  completionTokens: number | null,
  cachedTokens: number | null,
  promptMs: number | null,
  promptTps: number | null,
  generationMs: number | null,
  generationTps: number | null,
  contextTotal: number | null,
  ttftMs: number | null,
  durationMs: number | null,
];

/** Sums of one group; two of them can be added up. */
interface Sums {
  requests: number;
  errors: number;
  fixed: number;
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number;
  /** Prompt tokens of the requests that reported how many of them were cached. */
  cacheablePromptTokens: number;
  promptMs: number;
  promptRateTokens: number;
  generationMs: number;
  generationRateTokens: number;
  contextRequests: number;
  contextPercentSum: number;
  contextPercentMax: number;
  readonly ttft: number[];
  readonly duration: number[];
}

/**
 * Ended exchanges only: what still runs has no numbers yet. Reads every row of the range once and
 * folds it here: over a million rows that is faster than GROUP BY with its sorter and percentile functions
 * (docs/recorder.md).
 */
export function readStats(db: Database, filter: StatsFilter): StatsResult {
  const by = filter.by ?? "model";
  const groups = new Map<Row[0], Sums>();
  const rows = db
    .prepare<[number, number], Row>(
      `SELECT ${KEYS[by]}, failed, fixes IS NOT NULL, prompt_tokens, completion_tokens, cached_tokens, prompt_ms, prompt_tps,
        generation_ms, generation_tps, context_total, ttft_ms, duration_ms
      FROM exchange WHERE started_at >= ? AND started_at < ? AND outcome IS NOT NULL`,
    )
    .raw();
  for (const row of rows.iterate(filter.since ?? 0, filter.until ?? Number.MAX_SAFE_INTEGER)) {
    let sums = groups.get(row[0]);
    if (!sums) {
      sums = noSums();
      groups.set(row[0], sums);
    }
    addRow(sums, row);
  }
  const totals = noSums();
  for (const sums of groups.values()) addSums(totals, sums);
  return {
    totals: toNumbers(totals),
    rows: [...groups]
      .map(([key, sums]) => ({ key: typeof key === "number" ? hourOf(key) : key, ...toNumbers(sums) }))
      .sort((a, b) => (by === "hour" ? 0 : b.requests - a.requests) || (String(a.key) < String(b.key) ? -1 : 1)),
  };
}

function hourOf(hours: number): string {
  return new Date(hours * 3_600_000).toISOString().replace(".000Z", "Z");
}

function noSums(): Sums {
  return {
    requests: 0,
    errors: 0,
    fixed: 0,
    promptTokens: 0,
    completionTokens: 0,
    cachedTokens: 0,
    cacheablePromptTokens: 0,
    promptMs: 0,
    promptRateTokens: 0,
    generationMs: 0,
    generationRateTokens: 0,
    contextRequests: 0,
    contextPercentSum: 0,
    contextPercentMax: 0,
    ttft: [],
    duration: [],
  };
}

function addRow(sums: Sums, row: Row): void {
  const [, failed, fixed, prompt, completion, cached, promptMs, promptTps, generationMs, generationTps, context, ttft, duration] = row;
  sums.requests += 1;
  sums.errors += failed;
  sums.fixed += fixed;
  sums.promptTokens += prompt ?? 0;
  sums.completionTokens += completion ?? 0;
  if (cached !== null && prompt !== null) {
    sums.cachedTokens += cached;
    sums.cacheablePromptTokens += prompt;
  }
  // A speed over many requests is their tokens by their time.
  if (promptMs !== null && promptTps !== null) {
    sums.promptMs += promptMs;
    sums.promptRateTokens += (promptTps * promptMs) / 1000;
  }
  if (generationMs !== null && generationTps !== null) {
    sums.generationMs += generationMs;
    sums.generationRateTokens += (generationTps * generationMs) / 1000;
  }
  if (context && (prompt !== null || completion !== null)) {
    const percent = (((prompt ?? 0) + (completion ?? 0)) / context) * 100;
    sums.contextRequests += 1;
    sums.contextPercentSum += percent;
    sums.contextPercentMax = Math.max(sums.contextPercentMax, percent);
  }
  if (ttft !== null) sums.ttft.push(ttft);
  if (duration !== null) sums.duration.push(duration);
}

function addSums(to: Sums, from: Sums): void {
  for (const name of Object.keys(from) as (keyof Sums)[]) {
    if (name === "ttft" || name === "duration") for (const value of from[name]) to[name].push(value);
    else if (name === "contextPercentMax") to[name] = Math.max(to[name], from[name]);
    else to[name] += from[name];
  }
}

function toNumbers(sums: Sums): StatsNumbers {
  const { requests, errors, fixed, promptTokens, completionTokens, cachedTokens } = sums;
  const facts = {
    ttftMs: percentiles(sums.ttft),
    durationMs: percentiles(sums.duration),
    promptTps: share(sums.promptRateTokens * 1000, sums.promptMs),
    generationTps: share(sums.generationRateTokens * 1000, sums.generationMs),
    cacheReuse: share(cachedTokens, sums.cacheablePromptTokens),
    contextPercentAvg: share(sums.contextPercentSum, sums.contextRequests),
    contextPercentMax: sums.contextRequests === 0 ? undefined : sums.contextPercentMax,
  };
  return {
    requests,
    errors,
    fixed,
    promptTokens,
    completionTokens,
    cachedTokens,
    ...(Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as object),
  };
}

function share(part: number, whole: number): number | undefined {
  return whole === 0 ? undefined : part / whole;
}

/** Nearest rank: a value that occurred. */
function percentiles(values: readonly number[]): Percentiles | undefined {
  if (values.length === 0) return undefined;
  const sorted = new Float64Array(values).sort();
  const at = (rank: number) => sorted[Math.max(0, Math.ceil(rank * sorted.length) - 1)] ?? 0;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
