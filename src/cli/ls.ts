import type { Command } from "commander";
import { parseDuration } from "../core/units.ts";
import type { RecordedExchange } from "../core/recording.ts";
import type { Reader } from "../recorder/reader.ts";
import { renderTable, type Column } from "../stats/table.ts";
import { clean, clockText, cut, dateText, spanText, type Style } from "../stats/text.ts";
import { addDatabaseOptions, countOf, openRecordings, sinceOf, type DatabaseOptions } from "./database.ts";
import { EXIT, Failure, print, printJson, say, stdoutLook } from "./print.ts";

interface Options extends DatabaseOptions {
  readonly number: string;
  readonly since?: string;
  readonly model?: string;
  readonly errors?: boolean;
  readonly fixed?: boolean;
  readonly slow?: string;
  readonly session?: string;
  readonly content?: boolean;
  readonly json?: boolean;
}

export function configure(command: Command): void {
  addDatabaseOptions(command)
    .option("-n, --number <count>", "how many", "10")
    .option("--since <time>", "begun since 90s, 15m, 1h, 7d or an ISO time")
    .option("--model <name>", "of this model")
    .option("--errors", "only those that failed")
    .option("--fixed", "only those in which a fix changed something")
    .option("--slow <time>", "only those that took at least so long: 5s")
    .option("--session <id>", "of this session")
    .option("--content", "also what was asked and answered")
    .option("--json", "one JSON document")
    .action((options: Options) => list(options));
}

async function list(options: Options): Promise<void> {
  const now = Date.now();
  const slowMs = options.slow === undefined ? undefined : parseDuration(options.slow);
  if (options.slow !== undefined && slowMs === undefined)
    throw new Failure(EXIT.usage, `--slow ${options.slow}: expected a time such as 5s`);
  const since = sinceOf(options.since, now);
  const limit = countOf("-n", options.number);
  using reader = await openRecordings(options);
  const exchanges = reader.list({
    limit,
    ...(since === undefined ? {} : { since }),
    ...(options.model === undefined ? {} : { model: options.model }),
    ...(options.errors ? { errors: true } : {}),
    ...(options.fixed ? { fixed: true } : {}),
    ...(slowMs === undefined ? {} : { slowMs }),
    ...(options.session === undefined ? {} : { session: options.session }),
  });
  const contents = options.content ? await contentsOf(reader, exchanges) : undefined;
  if (options.json) {
    const { exchangeJson } = await import("./exchange-json.ts");
    return printJson({ exchanges: exchanges.map((exchange, i) => ({ ...exchangeJson(exchange), content: contents?.[i] })) });
  }
  if (exchanges.length === 0) return say("no exchange fits; llama-proxy ls without filters shows the latest");
  const look = stdoutLook();
  const [titles, ...rows] = renderTable(
    columnsOf(look.style),
    exchanges.map((exchange) => rowOf(exchange, now)),
    look,
  );
  print(titles ?? "");
  for (const [i, row] of rows.entries()) {
    print(row);
    if (contents) print(cut(`  ${contents[i] ?? ""}`, look.width));
  }
}

async function contentsOf(reader: Reader, exchanges: readonly RecordedExchange[]): Promise<readonly string[]> {
  const { contentLine } = await import("./conversation.ts");
  return exchanges.map((exchange) => {
    const recording = reader.get(exchange.id);
    return recording ? clean(contentLine(recording)) : "";
  });
}

function columnsOf(style: Style): readonly Column[] {
  return [
    { title: "ID" },
    { title: "STARTED" },
    { title: "MODEL", flexible: true },
    { title: "PATH", flexible: true },
    { title: "STATUS", paint: (text, cell) => (/^[23]\d\d$/.test(cell) ? style.good(text) : style.bad(text)) },
    { title: "TOKENS", align: "right" },
    { title: "TTFT", align: "right" },
    { title: "TOOK", align: "right" },
    { title: "FIXES", flexible: true, paint: style.warn },
  ];
}

function rowOf({ id, startedAt, path, outcome, metrics }: RecordedExchange, now: number): readonly string[] {
  const { promptTokens, completionTokens, ttftMs, status } = metrics;
  const tokens = promptTokens === undefined && completionTokens === undefined ? "" : `${promptTokens ?? "-"}/${completionTokens ?? "-"}`;
  return [
    id,
    now - startedAt < 43_200_000 ? clockText(startedAt) : dateText(startedAt),
    metrics.model ?? "",
    path,
    outcome === "completed" ? String(status ?? "") : outcome,
    tokens,
    ttftMs === undefined ? "" : spanText(ttftMs),
    outcome === "running" ? "" : spanText(metrics.durationMs),
    metrics.fixes.join(","),
  ];
}
