import type { Command } from "commander";
import { renderTable } from "../stats/table.ts";
import { addDatabaseOptions, countOf, openRecordings, type DatabaseOptions } from "./database.ts";
import { print, printJson, say, stdoutLook } from "./print.ts";

interface Options extends DatabaseOptions {
  readonly limit: string;
  readonly json?: boolean;
}

export function configure(command: Command): void {
  addDatabaseOptions(command.argument("<query>", 'one SELECT: "SELECT model, count(*) FROM exchanges GROUP BY 1"'))
    .option("--limit <count>", "most rows to show", "1000")
    .option("--json", "one JSON document")
    .addHelpText("after", "\nViews: exchanges, frames, messages, tool_calls, fix_notes. Nothing can be written, to no file.")
    .action((query: string, options: Options) => runQuery(query, options));
}

async function runQuery(query: string, options: Options): Promise<void> {
  const limit = countOf("--limit", options.limit);
  using reader = await openRecordings(options);
  const { columns, rows, truncated } = reader.query(query, { limit });
  if (options.json) {
    const named = rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, jsonValue(row[i])])));
    return printJson({ columns, rows: named, truncated });
  }
  const look = stdoutLook();
  const titles = columns.map((title) => ({ title, flexible: true }));
  for (const line of renderTable(
    titles,
    rows.map((row) => row.map(cell)),
    look,
  ))
    print(line);
  if (truncated) say(`only the first ${options.limit} rows; --limit shows more`);
}

function jsonValue(value: unknown): unknown {
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString("base64") };
  return typeof value === "bigint" ? value.toString() : value;
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (value instanceof Uint8Array) return `x'${Buffer.from(value).toString("hex")}'`;
  return typeof value === "string" ? value : JSON.stringify(typeof value === "bigint" ? Number(value) : value);
}
