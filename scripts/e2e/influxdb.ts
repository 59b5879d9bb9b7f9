import { readFileSync } from "node:fs";
import { join } from "node:path";
import { INFLUX_DATABASE } from "./stack.ts";

/** One query of docs/telemetry.md, and the SQL that asks the recording the same. */
export interface Pair {
  readonly title: string;
  readonly influxql: string;
  readonly sql: string;
}

/** A row as `llama-proxy sql --json` gives it. */
export type Row = Readonly<Record<string, string | number | null>>;

/** Sums by name; the name is empty where nothing is grouped. */
export type Sums = ReadonlyMap<string, number>;

const PAIR = /^\*\*(?<title>.+?)\*\*\n+```influxql\n(?<influxql>[^`]+?)\n```\n+```sql\n(?<sql>[^`]+?)\n```$/gm;

export function documentedPairs(root: string): Pair[] {
  const document = readFileSync(join(root, "docs", "telemetry.md"), "utf8");
  return [...document.matchAll(PAIR)].map(({ groups }) => ({
    title: groups?.["title"] ?? "",
    influxql: groups?.["influxql"] ?? "",
    sql: groups?.["sql"] ?? "",
  }));
}

/** The last column of the last row of each group. Throws with InfluxDB's own words. */
export async function askInflux(influxdb: string, influxql: string): Promise<Sums> {
  const response = await fetch(`${influxdb}/query?${String(new URLSearchParams({ db: INFLUX_DATABASE, q: influxql }))}`);
  const { results, error } = (await response.json()) as {
    results?: { error?: string; series?: { tags?: Record<string, string>; values: (number | null)[][] }[] }[];
    error?: string;
  };
  const trouble = error ?? results?.[0]?.error;
  if (trouble !== undefined) throw new Error(`InfluxDB: ${trouble}`);
  const sums = new Map<string, number>();
  for (const { tags, values } of results?.[0]?.series ?? []) {
    const value = values.at(-1)?.at(-1);
    if (typeof value === "number") sums.set(Object.values(tags ?? {}).join(" "), value);
  }
  return sums;
}

/** Rows of `name, value`, or of a value alone. */
export function sumsOf(rows: readonly Row[]): Sums {
  const sums = new Map<string, number>();
  for (const row of rows) {
    const cells = Object.values(row);
    sums.set(cells.length > 1 ? String(cells[0] ?? "") : "", Number(cells.at(-1) ?? 0));
  }
  return sums;
}

/** Undefined when they are the same; floating sums may differ in the ninth digit. */
export function difference(influx: Sums, recorded: Sums): string | undefined {
  const names = new Set([...influx.keys(), ...recorded.keys()]);
  if (names.size === 0) return "neither has anything";
  const different = [...names].filter((name) => {
    const a = influx.get(name) ?? 0;
    const b = recorded.get(name) ?? 0;
    return Math.abs(a - b) > 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));
  });
  if (different.length === 0) return undefined;
  return different
    .map((name) => `${name} InfluxDB ${influx.get(name) ?? "nothing"}, recording ${recorded.get(name) ?? "nothing"}`)
    .join("; ");
}
