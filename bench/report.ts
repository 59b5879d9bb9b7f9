/** Medians and paired ratios of a results file, as Markdown. `node bench/report.ts FILE` prints one again. */
import { readFileSync } from "node:fs";
import type { Seen } from "./client.ts";
import type { Usage } from "./processes.ts";
import type { Scenario } from "./scenarios.ts";

/** One contestant, one scenario, one round. */
export interface Measure {
  readonly scenario: string;
  readonly contestant: string;
  readonly round: number;
  readonly seconds: number;
  /** Seconds of CPU of the contestant's whole process tree. */
  readonly cpu: number;
  readonly peak: Usage;
  /** The machine's 1-minute load when it ended: what else was going on. */
  readonly load: number;
  readonly seen: Seen;
  /** Only with `--loop`. */
  readonly loopMs?: LoopDelay | undefined;
}

/** Milliseconds that the event loop was late. */
export interface LoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface Results {
  readonly taken: string;
  readonly machine: { readonly cpus: number; readonly model: string; readonly kernel: string; readonly node: string };
  readonly scenarios: readonly Scenario[];
  readonly rounds: number;
  readonly idle: Readonly<Record<string, Usage>>;
  readonly measures: readonly Measure[];
  /** Bytes of each contestant's recording at the end. */
  readonly recordings: Readonly<Record<string, number>>;
}

export interface Row {
  readonly contestant: string;
  /** Microseconds of CPU per frame (streams) or per reply (JSON). */
  readonly cpuUs: number;
  /** Median over the rounds of this round's cost over nginx's in the same round. */
  readonly overNginx: number;
  readonly perReplyUs: number;
  readonly firstMs: number;
  readonly addedFirstMs: number;
  readonly addedFirstP99Ms: number;
  readonly addedGapP99Ms: number;
  readonly rssMb: number;
  readonly complete: string;
  readonly identical: string;
}

export function median(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  if (sorted.length === 0) return NaN;
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

export function costOf(measure: Measure, stream: boolean): number {
  return (measure.cpu / Math.max(1, stream ? measure.seen.frames : measure.seen.replies)) * 1e6;
}

export function rowsOf(results: Results, scenario: Scenario): Row[] {
  const here = results.measures.filter((measure) => measure.scenario === scenario.name);
  const of = (contestant: string) => here.filter((measure) => measure.contestant === contestant);
  /** The median of a difference or ratio between two contestants of the same round. */
  function paired(contestant: string, other: string, compare: (a: Measure, b: Measure) => number): number {
    const pairs = of(contestant).flatMap((a) =>
      of(other)
        .filter((b) => b.round === a.round)
        .map((b) => compare(a, b)),
    );
    return median(pairs);
  }
  return [...new Set(here.map(({ contestant }) => contestant))].map((contestant) => {
    const mine = of(contestant);
    const sum = (of_: (seen: Seen) => number) => mine.reduce((total, { seen }) => total + of_(seen), 0);
    return {
      contestant,
      cpuUs: median(mine.map((measure) => costOf(measure, scenario.stream))),
      overNginx: paired(contestant, "nginx", (a, b) => costOf(a, scenario.stream) / costOf(b, scenario.stream)),
      perReplyUs: median(mine.map((measure) => costOf(measure, false))),
      firstMs: median(mine.map(({ seen }) => seen.firstByteMs.p50)),
      addedFirstMs: paired(contestant, "direct", (a, b) => a.seen.firstByteMs.p50 - b.seen.firstByteMs.p50),
      addedFirstP99Ms: paired(contestant, "direct", (a, b) => a.seen.firstByteMs.p99 - b.seen.firstByteMs.p99),
      addedGapP99Ms: paired(contestant, "direct", (a, b) => a.seen.gapMs.p99 - b.seen.gapMs.p99),
      rssMb: median(mine.map(({ peak }) => peak.rss)) / 1e6,
      complete: `${sum((seen) => seen.complete)}/${sum((seen) => seen.replies)}`,
      identical: `${sum((seen) => seen.identical)}`,
    };
  });
}

const n = (value: number, digits: number): string => (Number.isFinite(value) ? value.toFixed(digits) : "–");

export function tableOf(results: Results): string {
  const lines = [
    `${results.taken}, ${results.machine.cpus} x ${results.machine.model}, Linux ${results.machine.kernel}, Node ${results.machine.node}, ${results.rounds} rounds`,
    "",
  ];
  lines.push(
    "Idle memory (RSS / PSS, MB): " +
      Object.entries(results.idle)
        .map(([name, { rss, pss }]) => `${name} ${n(rss / 1e6, 0)} / ${n(pss / 1e6, 0)}`)
        .join(", "),
    "",
  );
  for (const scenario of results.scenarios) {
    const unit = scenario.stream ? "CPU us/frame" : "CPU us/reply";
    lines.push(`### ${scenario.name}: ${scenario.what}`, "");
    lines.push(
      `| | ${unit} | x nginx | CPU us/reply | first byte p50 ms | added p50 | added p99 | added gap p99 | peak RSS MB | complete | same bytes |`,
    );
    lines.push("|---|---|---|---|---|---|---|---|---|---|---|");
    for (const row of rowsOf(results, scenario)) {
      const { contestant, cpuUs, overNginx, perReplyUs, firstMs, addedFirstMs, addedFirstP99Ms, addedGapP99Ms, rssMb } = row;
      const cells = [
        n(cpuUs, 1),
        n(overNginx, 2),
        n(perReplyUs, 0),
        n(firstMs, 2),
        n(addedFirstMs, 2),
        n(addedFirstP99Ms, 2),
        n(addedGapP99Ms, 2),
        n(rssMb, 0),
      ];
      lines.push(`| ${[contestant, ...cells, row.complete, row.identical].join(" | ")} |`);
    }
    for (const { contestant, loopMs } of results.measures.filter((measure) => measure.scenario === scenario.name)) {
      if (loopMs)
        lines.push(
          `- ${contestant}: event loop late by ${n(loopMs.p50, 2)} (p50), ${n(loopMs.p99, 2)} (p99), ${n(loopMs.max, 1)} ms (most)`,
        );
    }
    lines.push("");
  }
  return lines.join("\n");
}

if (process.argv[1] === import.meta.filename) {
  const file = process.argv[2];
  if (!file) throw new Error("which results file?");
  console.log(tableOf(JSON.parse(readFileSync(file, "utf8")) as Results));
}
