import type { Command } from "commander";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { nearest } from "../config/nearest.ts";
import type { Recording } from "../core/recording.ts";
import type { FixPlan } from "../fixes/fix.ts";
import { FIXES, planFixes } from "../fixes/index.ts";
import type { Reader } from "../recorder/reader.ts";
import { parseRecut, type Recut } from "../replay/recut.ts";
import { replay, type ReplayOptions, type ReplayReport } from "../replay/replay.ts";
import { framesJson, replayJson, reportText } from "../replay/report.ts";
import { countText } from "../stats/text.ts";
import { addDatabaseOptions, openRecordings, resolveId, sinceOf, type DatabaseOptions } from "./database.ts";
import { EXIT, Failure, print, printJson, setExit, stdoutLook } from "./print.ts";

interface Options extends DatabaseOptions {
  readonly id?: string;
  readonly since?: string;
  readonly with?: readonly string[];
  readonly without?: readonly string[];
  readonly recut?: string;
  readonly frames?: boolean;
  readonly live?: boolean;
  readonly backend?: string;
  readonly against?: string;
  readonly model?: string;
  readonly json?: boolean;
}

export function configure(command: Command): void {
  addDatabaseOptions(command.argument("[id]", "the same as --id"))
    .option("--id <id>", "an id, its beginning, last, last~2, last:fixed or last:error")
    .option("--since <time>", "instead of an id: everything since 90s, 15m, 1h, 7d or an ISO time")
    .option("--with <fix>", "as if this fix were on (repeat, or commas)", collect)
    .option("--without <fix>", "as if this fix were off", collect)
    .option("--recut <how>", "cut the upstream bytes elsewhere: bytes:1 or random:SEED")
    .option("--frames", "every frame, not only those that differ")
    .option("--live", "send the request to the backend again and lay the answers side by side")
    .option("--against <url>", "backend for --live, instead of the configured one (also: --backend)")
    .option("--backend <url>", "the same as --against")
    .option("--model <name>", "with --live, ask this model instead of the recorded one")
    .option("--json", "one JSON document")
    .addHelpText(
      "after",
      "\nExit code: 0 same as then, 3 no such exchange, 5 something would be sent otherwise, 6 backend unreachable (--live).",
    )
    .action((spec: string | undefined, options: Options) => runReplay(spec, options));
}

/** Of an option that may be given often, or with commas. */
function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...text.split(",").map((name) => name.trim())];
}

async function runReplay(spec: string | undefined, options: Options): Promise<void> {
  const wanted = options.id ?? spec;
  if ((wanted === undefined) === (options.since === undefined))
    throw new Failure(EXIT.usage, "give either --id ID (or last) or --since 1h");
  const { config } = loadConfig({ file: options.config, flags: { backend: options.against ?? options.backend } });
  if (!options.live && (options.model !== undefined || options.against !== undefined))
    throw new Failure(EXIT.usage, "--against and --model belong to --live: offline nobody is asked");
  const plan = planWith(config, options);
  const limits = { frameBytes: config.server.max_frame_bytes, replyBytes: config.server.max_reply_bytes, recut: recutOf(options.recut) };
  using reader = await openRecordings(options);
  if (wanted === undefined) return replayMany(reader, plan, limits, options);

  const id = resolveId(reader, wanted);
  const recording = reader.get(id);
  if (!recording) throw new Failure(EXIT.notFound, `exchange ${id} has just been removed from ${reader.path}`);
  if (options.live) {
    const { replayLive } = await import("./replay-live.ts");
    return replayLive(recording, plan, config, options);
  }
  showOne(replay(recording, plan, limits), options);
}

function showOne(report: ReplayReport, options: Options): void {
  if (options.json) printJson({ ...replayJson(report), ...(options.frames ? { frame_list: framesJson(report) } : {}) });
  else {
    const { width, style } = stdoutLook();
    print(reportText(report, options.frames === true, { width, ...style }));
  }
  setExit(report.sameAsThen ? EXIT.ok : EXIT.different);
}

/** A dry run over history: how many replies would be sent otherwise, and which. */
function replayMany(reader: Reader, plan: FixPlan, limits: ReplayOptions, options: Options): void {
  if (options.live) throw new Failure(EXIT.usage, "--live takes one exchange: give --id");
  const since = sinceOf(options.since, Date.now()) ?? 0;
  let replayed = 0;
  let changed = 0;
  let withoutReply = 0;
  const different: ReplayReport[] = [];
  for (const recording of reader.iterate({ since })) {
    if (isRunning(recording)) continue;
    const report = replay(recording, plan, limits);
    replayed += 1;
    if (report.treatment === "none") withoutReply += 1;
    if (!report.sameAsUpstream) changed += 1;
    // Bytes are let go of: only what the summary names is kept.
    if (!report.sameAsThen) different.push({ ...report, frames: [] });
  }
  if (options.json) {
    printJson({
      since: new Date(since).toISOString(),
      replayed,
      same_as_then: replayed - different.length,
      changed_by_fixes: changed,
      without_reply: withoutReply,
      different: different.map((report) => ({ ...replayJson(report), frames: undefined })),
    });
  } else {
    const { style } = stdoutLook();
    print(
      `${countText(replayed)} replayed, ${countText(replayed - different.length)} same as then, ${countText(different.length)} different`,
    );
    print(`${countText(changed)} changed by fixes; ${countText(withoutReply)} had no reply`);
    for (const report of different)
      print(`  ${style.bad(report.id)}  frames ${report.differingFrames.slice(0, 8).join(", ") || "(request only)"}`);
  }
  setExit(different.length === 0 ? EXIT.ok : EXIT.different);
}

function isRunning(recording: Recording): boolean {
  return recording.outcome === "running";
}

function recutOf(text: string | undefined): Recut | undefined {
  if (text === undefined) return undefined;
  const how = parseRecut(text);
  if (!how) throw new Failure(EXIT.usage, `--recut ${text}: expected bytes:N or random:SEED, such as bytes:1 or random:42`);
  return how;
}

/** The configured plan, with some fixes switched on or off. */
function planWith(config: Config, options: Options): FixPlan {
  const modules: Record<string, Record<string, unknown>> = { ...config.fixes.modules };
  const { with: on = [], without: off = [] } = options;
  for (const name of [...on, ...off]) {
    if (FIXES.some((fix) => fix.name === name)) continue;
    const near = nearest(
      name,
      FIXES.map((fix) => fix.name),
    );
    throw new Failure(EXIT.usage, `no fix is called "${name}"; ${near ? `did you mean ${near}?` : "llama-proxy list-fixes names them"}`);
  }
  for (const name of on) modules[name] = { ...modules[name], enabled: true, mode: "fix" };
  for (const name of off) modules[name] = { ...modules[name], enabled: false };
  // --with on a configuration that has fixes off means these alone.
  if (!config.fixes.enabled) for (const { name } of FIXES) if (!on.includes(name)) modules[name] = { ...modules[name], enabled: false };
  return planFixes({ enabled: true, modules });
}
