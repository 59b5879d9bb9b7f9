import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { askInflux, difference, documentedPairs, sumsOf, type Row, type Sums } from "./influxdb.ts";
import { runToEnd, type Programs } from "./programs.ts";
import { ask, evaluate, panelQueries, type PanelQuery, type Series } from "./prometheus.ts";
import type { Stack } from "./stack.ts";
import { faultOf, missingIn, readTraces, type RecordedExchange, type Span } from "./traces.ts";
import type { Traffic } from "./traffic.ts";
import type { Verdict } from "./verdict.ts";

/** A panel's query with what Prometheus answered, to be drawn. */
export interface Answered {
  readonly query: PanelQuery;
  readonly series: readonly Series[];
}

/** Rows of the recording, by the program's own `sql`. */
export function askRecording(root: string, database: string, sql: string): Row[] {
  const args = [join(root, "bin", "llama-proxy.mjs"), "sql", "--db", database, "--json", "--limit", "100000", sql];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  if (status !== 0) throw new Error(`llama-proxy sql: ${stderr.trim()}`);
  return (JSON.parse(stdout) as { rows: Row[] }).rows;
}

export async function checkPanels(verdict: Verdict, root: string, stack: Stack, traffic: Traffic): Promise<Answered[]> {
  verdict.heading("Panels: every query has data in Prometheus");
  const answered: Answered[] = [];
  for (const query of panelQueries(root)) {
    const name = `${query.panel}: ${query.legend}`;
    try {
      const series = await evaluate(stack.prometheus, query, traffic);
      answered.push({ query, series });
      const points = series.reduce((sum, one) => sum + one.points.length, 0);
      verdict.check(name, points > 0, `${series.length} series, ${points} points`);
    } catch (cause) {
      verdict.check(name, false, message(cause));
    }
  }
  return answered;
}

export async function checkAlerts(verdict: Verdict, root: string, stack: Stack, programs: Programs): Promise<void> {
  verdict.heading("Alert rules and configuration");
  const docker = join(root, "docker");
  const tests = runToEnd(programs.promtool, ["test", "rules", "prometheus-alerts.test.yaml"], docker);
  verdict.check("promtool test rules", tests.code === 0, lastLine(tests.output));
  const config = runToEnd(programs.promtool, ["check", "config", "--syntax-only", "prometheus.yaml"], docker);
  verdict.check("promtool check config docker/prometheus.yaml", config.code === 0, lastLine(config.output));
  const { groups } = (await ask(stack.prometheus, "rules")) as {
    groups: { rules: { name: string; health: string; lastError?: string }[] }[];
  };
  for (const rule of groups.flatMap((group) => group.rules)) {
    verdict.check(`evaluates: ${rule.name}`, rule.health === "ok", rule.lastError ?? "");
  }
}

/** The text of the pull endpoint speaks of the same metrics, under the same names, as the Collector. */
export async function checkPull(verdict: Verdict, root: string, stack: Stack, programs: Programs, pulled: string): Promise<void> {
  verdict.heading("The pull endpoint");
  const read = runToEnd(programs.promtool, ["check", "metrics"], root, pulled);
  verdict.check("promtool check metrics", read.code === 0 && pulled !== "", lastLine(read.output));
  const collector = typesIn(await (await fetch(stack.collectorMetrics, { headers: { accept: "text/plain;version=0.0.4" } })).text());
  const own = typesIn(pulled);
  const strange = [...own].filter(([name, type]) => collector.get(name) !== type);
  const detail =
    strange.length === 0
      ? `${own.size} metrics`
      : strange.map(([name, type]) => `${name} ${type}, Collector ${collector.get(name) ?? "none"}`).join("; ");
  verdict.check("names and types are the Collector's", own.size > 20 && strange.length === 0, detail);
}

function typesIn(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = "", type = ""]) => [name, type]));
}

export async function checkInflux(verdict: Verdict, root: string, stack: Stack): Promise<void> {
  verdict.heading("InfluxDB: the queries of docs/telemetry.md give the recording's sums");
  const pairs = documentedPairs(root);
  verdict.check("docs/telemetry.md has queries", pairs.length > 0, `${pairs.length} of them`);
  for (const { title, influxql, sql } of pairs) {
    try {
      const recorded = sumsOf(askRecording(root, stack.database, sql));
      const influx = await settled(() => askInflux(stack.influxdb, influxql), recorded);
      verdict.check(title, difference(influx, recorded) === undefined, difference(influx, recorded) ?? shown(recorded));
    } catch (cause) {
      verdict.check(title, false, message(cause));
    }
  }
}

/** The Collector hands on in batches: the last one may be under way still. */
async function settled(read: () => Promise<Sums>, wanted: Sums): Promise<Sums> {
  let sums = await read();
  for (let tries = 0; tries < 20 && difference(sums, wanted) !== undefined; tries++) {
    await sleep(500);
    sums = await read();
  }
  return sums;
}

export async function checkTraces(verdict: Verdict, root: string, stack: Stack, traffic: Traffic): Promise<void> {
  verdict.heading("Traces: whole, and one for every exchange");
  const exchanges = askRecording(
    root,
    stack.database,
    "SELECT id, trace_id, span_id, dialect, duration_ms FROM exchanges",
  ) as unknown as RecordedExchange[];
  let traces = readTraces(stack.traces);
  for (let tries = 0; tries < 40 && traces.size < traffic.requests; tries++) {
    await sleep(500);
    traces = readTraces(stack.traces);
  }
  verdict.check("a trace for every request", traces.size === traffic.requests, `${traces.size} traces, ${traffic.requests} requests`);
  tellFaults(verdict, "server → call → HTTP request, each ended once", [...traces.values()].map(faultOf), traces.size);
  tellFaults(
    verdict,
    "every recorded exchange is in its trace, by id",
    exchanges.map((one) => missingIn(traces, one)),
    exchanges.length,
  );
  await checkExemplars(verdict, stack, traffic, traces);
}

async function checkExemplars(
  verdict: Verdict,
  stack: Stack,
  traffic: Traffic,
  traces: ReadonlyMap<string, readonly Span[]>,
): Promise<void> {
  const found = (await ask(stack.prometheus, "query_exemplars", {
    query: "traces_span_metrics_duration_seconds_bucket",
    start: String(traffic.from),
    end: String(traffic.until + 30),
  })) as { exemplars: { labels: { trace_id?: string } }[] }[];
  const ids = found.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels.trace_id ?? ""));
  const unknown = ids.filter((id) => !traces.has(id));
  verdict.check(
    "exemplars lead from charts to traces",
    ids.length > 0 && unknown.length === 0,
    `${ids.length} exemplars, ${unknown.length} without a trace`,
  );
}

function tellFaults(verdict: Verdict, what: string, faults: readonly (string | undefined)[], of: number): void {
  const found = faults.filter((fault) => fault !== undefined);
  const kinds = [...new Set(found)].slice(0, 5).join("; ");
  verdict.check(what, of > 0 && found.length === 0, found.length === 0 ? `${of} of ${of}` : `${found.length} of ${of} not: ${kinds}`);
}

function shown(sums: Sums): string {
  return [...sums]
    .map(([name, value]) => `${name}${name === "" ? "" : " "}${Math.round(value * 1000) / 1000}`)
    .join(", ")
    .slice(0, 120);
}

function lastLine(text: string): string {
  return text.split("\n").at(-1)?.trim() ?? "";
}

function message(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
