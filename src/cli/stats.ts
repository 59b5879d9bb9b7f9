import type { Command } from "commander";
import type { Percentiles, StatsKey, StatsNumbers, StatsRow } from "../recorder/reader.ts";
import { renderTable, type Column } from "../stats/table.ts";
import { countText, dateText, spanText, trimmed } from "../stats/text.ts";
import { addDatabaseOptions, openRecordings, sinceOf, type DatabaseOptions } from "./database.ts";
import { EXIT, Failure, print, printJson, stdoutLook } from "./print.ts";

const KEYS: readonly StatsKey[] = ["model", "route", "client", "session", "hour"];

interface Options extends DatabaseOptions {
  readonly since?: string;
  readonly until?: string;
  readonly by: string;
  readonly json?: boolean;
}

export function configure(command: Command): void {
  addDatabaseOptions(command)
    .option("--since <time>", "from 90s, 15m, 1h, 7d ago or an ISO time (default: everything)")
    .option("--until <time>", "up to then (default: now)")
    .option("--by <key>", `one row per ${KEYS.join(", ")}; fix: what each fix did, by model`, "model")
    .option("--json", "one JSON document")
    .action((options: Options) => showStats(options));
}

async function showStats(options: Options): Promise<void> {
  const by = KEYS.find((key) => key === options.by);
  if (!by && options.by !== "fix") throw new Failure(EXIT.usage, `--by ${options.by}: expected ${KEYS.join(", ")} or fix`);
  const now = Date.now();
  const since = sinceOf(options.since, now);
  const until = sinceOf(options.until, now) ?? now;
  using reader = await openRecordings(options);
  if (!by) {
    const { showFixLedger } = await import("./fix-ledger.ts");
    return showFixLedger(reader, { since, until, json: options.json === true });
  }
  const { totals, rows } = reader.stats({ by, until, ...(since === undefined ? {} : { since }) });
  if (options.json) {
    return printJson({
      since: since === undefined ? null : new Date(since).toISOString(),
      until: new Date(until).toISOString(),
      by,
      totals: numbersJson(totals),
      rows: rows.map((row) => ({ key: row.key, ...numbersJson(row) })),
    });
  }
  const look = stdoutLook();
  print(
    `${since === undefined ? "everything" : `since ${dateText(since)}`} until ${dateText(until)}: ${countText(totals.requests)} requests`,
  );
  const all = [...rows.map((row) => cells(labelOf(row, by), row)), ...(rows.length === 1 ? [] : [cells("total", totals)])];
  for (const line of renderTable(columnsFor(by), all, look)) print(line);
}

function labelOf(row: StatsRow, by: StatsKey): string {
  if (row.key === null) return "(none)";
  return by === "hour" ? dateText(Date.parse(row.key)).slice(0, 16) : row.key;
}

function columnsFor(by: StatsKey): readonly Column[] {
  const numbers = [
    "REQUESTS",
    "ERRORS",
    "FIXED",
    "PROMPT",
    "CACHED",
    "OUTPUT",
    "TTFT p50",
    "p95",
    "p99",
    "TOOK p50",
    "p95",
    "p99",
    "PROMPT/s",
    "GEN/s",
    "CONTEXT",
  ];
  return [{ title: by.toUpperCase(), flexible: true }, ...numbers.map((title) => ({ title, align: "right" as const }))];
}

function cells(label: string, numbers: StatsNumbers): readonly string[] {
  const reuse = numbers.cacheReuse === undefined ? "" : ` ${Math.round(numbers.cacheReuse * 100)}%`;
  return [
    label,
    countText(numbers.requests),
    countText(numbers.errors),
    countText(numbers.fixed),
    countText(numbers.promptTokens),
    `${countText(numbers.cachedTokens)}${reuse}`,
    countText(numbers.completionTokens),
    ...spans(numbers.ttftMs),
    ...spans(numbers.durationMs),
    numbers.promptTps === undefined ? "" : numbers.promptTps.toFixed(1),
    numbers.generationTps === undefined ? "" : numbers.generationTps.toFixed(1),
    numbers.contextPercentMax === undefined ? "" : `${trimmed(numbers.contextPercentMax, 1)}%`,
  ];
}

function spans(percentiles: Percentiles | undefined): readonly string[] {
  return percentiles ? [percentiles.p50, percentiles.p95, percentiles.p99].map(spanText) : ["", "", ""];
}

function numbersJson(numbers: StatsNumbers): Record<string, unknown> {
  return {
    requests: numbers.requests,
    errors: numbers.errors,
    fixed: numbers.fixed,
    prompt_tokens: numbers.promptTokens,
    completion_tokens: numbers.completionTokens,
    cached_tokens: numbers.cachedTokens,
    ttft_ms: numbers.ttftMs,
    duration_ms: numbers.durationMs,
    prompt_tps: numbers.promptTps,
    generation_tps: numbers.generationTps,
    cache_reuse: numbers.cacheReuse,
    context_percent_avg: numbers.contextPercentAvg,
    context_percent_max: numbers.contextPercentMax,
  };
}
