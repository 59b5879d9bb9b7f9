import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Traffic } from "./traffic.ts";

export interface PanelQuery {
  readonly dashboard: string;
  readonly panel: string;
  readonly type: string;
  readonly unit: string;
  /** What is shown in place of a value. */
  readonly words: Readonly<Record<string, string>>;
  readonly expr: string;
  readonly legend: string;
  readonly instant: boolean;
}

export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since 1970, value. */
  readonly points: readonly (readonly [number, number])[];
}

interface Mapping {
  readonly options: Readonly<Record<string, { readonly text?: string }>>;
}

interface PanelJson {
  readonly type: string;
  readonly title?: string;
  readonly fieldConfig?: { readonly defaults?: { readonly unit?: string; readonly mappings?: readonly Mapping[] } };
  readonly targets?: readonly { readonly expr?: string; readonly legendFormat?: string; readonly instant?: boolean }[];
}

/** Every PromQL query of every shipped dashboard. */
export function panelQueries(root: string): PanelQuery[] {
  const folder = join(root, "docker", "grafana", "dashboards");
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .flatMap((file) => {
      const { title, panels } = JSON.parse(readFileSync(join(folder, file), "utf8")) as { title: string; panels: PanelJson[] };
      return panels.flatMap((panel) =>
        (panel.targets ?? []).flatMap(({ expr, legendFormat, instant }) =>
          expr === undefined
            ? []
            : [
                {
                  dashboard: title,
                  panel: panel.title ?? "",
                  type: panel.type,
                  unit: panel.fieldConfig?.defaults?.unit ?? "none",
                  words: wordsOf(panel.fieldConfig?.defaults?.mappings ?? []),
                  expr,
                  legend: legendFormat ?? "",
                  instant: instant === true,
                },
              ],
        ),
      );
    });
}

function wordsOf(mappings: readonly Mapping[]): Record<string, string> {
  return Object.fromEntries(mappings.flatMap(({ options }) => Object.entries(options).map(([value, { text = value }]) => [value, text])));
}

/** With Grafana's variables filled in as it would: All, and the range of the traffic. */
export function filledIn(expr: string, rangeSeconds: number): string {
  const filled = expr
    .replaceAll("$__rate_interval", "15s")
    .replaceAll("$__range", `${Math.ceil(rangeSeconds)}s`)
    .replaceAll(/\$(?:model|instance)\b/g, ".*");
  if (filled.includes("$")) throw new Error(`a variable is left in ${filled}`);
  return filled;
}

/** Asks Prometheus. Throws with its own words when the query is not PromQL. */
export async function evaluate(prometheus: string, query: PanelQuery, traffic: Traffic): Promise<Series[]> {
  const expr = filledIn(query.expr, traffic.until - traffic.from);
  const answer = query.instant
    ? await ask(prometheus, "query", { query: expr, time: String(traffic.until) })
    : await ask(prometheus, "query_range", { query: expr, start: String(traffic.from), end: String(traffic.until), step: "1" });
  const { result } = answer as { result: { metric: Record<string, string>; values?: [number, string][]; value?: [number, string] }[] };
  return result
    .map(({ metric, values, value }) => ({
      labels: metric,
      points: (values ?? (value ? [value] : []))
        .map(([at, text]): [number, number] => [at, Number(text)])
        .filter(([, y]) => Number.isFinite(y)),
    }))
    .filter(({ points }) => points.length > 0);
}

export async function ask(prometheus: string, what: string, parameters: Record<string, string> = {}): Promise<unknown> {
  const response = await fetch(`${prometheus}/api/v1/${what}?${String(new URLSearchParams(parameters))}`);
  const { status, data, error } = (await response.json()) as { status: string; data: unknown; error?: string };
  if (status !== "success") throw new Error(`Prometheus: ${error ?? response.status}`);
  return data;
}
