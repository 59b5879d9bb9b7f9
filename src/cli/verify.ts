import type { Command } from "commander";
import { loadConfig } from "../config/load.ts";
import type { Reader } from "../recorder/reader.ts";
import { replay, type ReplayReport } from "../replay/replay.ts";
import { replayJson } from "../replay/report.ts";
import { addDatabaseOptions, openRecordings, type DatabaseOptions } from "./database.ts";
import { limitsOf, planOf } from "./fix-plan.ts";
import { EXIT, print, printJson, say, setExit, stdoutLook } from "./print.ts";

interface Options extends DatabaseOptions {
  readonly json?: boolean;
}

export function configure(command: Command): void {
  addDatabaseOptions(command)
    .option("--json", "one JSON document")
    .addHelpText("after", "\nllama-proxy pin ID adds a recording. Exit code: 0 all the same as then, 5 something would be sent otherwise.")
    .action((options: Options) => verify(options));
}

async function verify(options: Options): Promise<void> {
  const { config } = loadConfig({ file: options.config });
  const plan = planOf(config);
  using reader = await openRecordings(options);
  const different: ReplayReport[] = [];
  const ids = pinnedIds(reader);
  for (const id of ids) {
    const recording = reader.get(id);
    const report = recording && replay(recording, plan, limitsOf(config));
    // Bytes are let go of: only what the summary names is kept.
    if (report && !report.sameAsThen) different.push({ ...report, frames: [] });
  }
  setExit(different.length === 0 ? EXIT.ok : EXIT.different);
  if (options.json) {
    const named = different.map((report) => ({ ...replayJson(report), frames: undefined }));
    return printJson({ verified: ids.length, same_as_then: ids.length - different.length, different: named });
  }
  if (ids.length === 0) return say("no recording is pinned; llama-proxy pin ID pins one");
  const { style } = stdoutLook();
  print(`${ids.length} pinned, ${ids.length - different.length} same as then, ${different.length} different`);
  for (const report of different)
    print(
      `  ${style.bad(report.id)}  frames ${report.differingFrames.slice(0, 8).join(", ") || "(request only)"}; llama-proxy bisect ${report.id}`,
    );
}

function pinnedIds(reader: Reader): readonly string[] {
  return reader
    .query("SELECT id FROM exchanges WHERE pinned = 1 ORDER BY seq", { limit: Number.MAX_SAFE_INTEGER })
    .rows.map(([id]) => String(id));
}
