import type { Command } from "commander";
import { renderTable, type Column } from "../stats/table.ts";
import { countText, dateText, spanText } from "../stats/text.ts";
import { addDatabaseOptions, countOf, openRecordings, sinceOf, type DatabaseOptions } from "./database.ts";
import { print, printJson, say, stdoutLook } from "./print.ts";

interface Options extends DatabaseOptions {
  readonly number: string;
  readonly since?: string;
  readonly json?: boolean;
}

export function configure(command: Command): void {
  addDatabaseOptions(command)
    .option("-n, --number <count>", "how many", "20")
    .option("--since <time>", "90s, 15m, 1h, 7d or an ISO time")
    .option("--json", "one JSON document")
    .action((options: Options) => sessions(options));
}

const COLUMNS: readonly Column[] = [
  { title: "SESSION" },
  { title: "FROM" },
  { title: "CLIENT", flexible: true },
  { title: "MODEL", flexible: true },
  { title: "LAST" },
  { title: "TURNS", align: "right" },
  { title: "ERRORS", align: "right" },
  { title: "PROMPT", align: "right" },
  { title: "OUTPUT", align: "right" },
  { title: "CACHED", align: "right" },
  { title: "REPROCESSED", align: "right" },
];

async function sessions(options: Options): Promise<void> {
  const since = sinceOf(options.since, Date.now());
  const limit = countOf("-n", options.number);
  using reader = await openRecordings(options);
  const rows = reader.sessions({ limit, ...(since === undefined ? {} : { since }) });
  if (options.json) {
    return printJson({
      sessions: rows.map((row) => ({
        session: row.session,
        source: row.source,
        client: row.client,
        model: row.model,
        turns: row.turns,
        errors: row.errors,
        first_at: new Date(row.firstAt).toISOString(),
        last_at: new Date(row.lastAt).toISOString(),
        prompt_tokens: row.promptTokens,
        completion_tokens: row.completionTokens,
        cached_tokens: row.cachedTokens,
        cache_reuse: row.cacheReuse,
        reprocessed_tokens: row.reprocessedTokens,
        reprocessed_ms: row.reprocessedMs,
      })),
    });
  }
  if (rows.length === 0) return say("no session is recorded");
  const cells = rows.map((row) => [
    row.session,
    row.source,
    row.client ?? "",
    row.model ?? "",
    dateText(row.lastAt),
    countText(row.turns),
    countText(row.errors),
    countText(row.promptTokens),
    countText(row.completionTokens),
    row.cacheReuse === undefined ? "" : `${Math.round(row.cacheReuse * 100)}%`,
    row.reprocessedTokens === 0 ? "" : `${countText(row.reprocessedTokens)} (${spanText(row.reprocessedMs)})`,
  ]);
  for (const line of renderTable(COLUMNS, cells, stdoutLook())) print(line);
}
