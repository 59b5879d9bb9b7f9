import type { Command } from "commander";
import { loadConfig } from "../config/load.ts";
import { bisect, type Bisection } from "../replay/bisect.ts";
import { addDatabaseOptions, openRecordings, resolveId, type DatabaseOptions } from "./database.ts";
import { limitsOf, planOf } from "./fix-plan.ts";
import { EXIT, Failure, print, printJson, stdoutLook } from "./print.ts";

interface Options extends DatabaseOptions {
  readonly json?: boolean;
}

export function configure(command: Command): void {
  addDatabaseOptions(command.argument("<id>", "an id, its beginning, last, last:fixed or last:error"))
    .option("--json", "one JSON document")
    .action((spec: string, options: Options) => runBisect(spec, options));
}

async function runBisect(spec: string, options: Options): Promise<void> {
  const { config } = loadConfig({ file: options.config });
  using reader = await openRecordings(options);
  const id = resolveId(reader, spec);
  const recording = reader.get(id);
  if (!recording) throw new Failure(EXIT.notFound, `exchange ${id} has just been removed from ${reader.path}`);
  const found = bisect(recording, planOf(config), limitsOf(config));
  if (!options.json) return show(found);
  printJson({
    id: found.id,
    changed: found.changed,
    minimal: found.minimal,
    redundant: found.redundant,
    same_as_then: found.sameAsThen,
    off_for_then: found.offForThen,
    runs: found.runs,
  });
}

function show(found: Bisection): void {
  const { style } = stdoutLook();
  const count = found.minimal.length;
  print(
    `${style.strong(found.id)}  ${found.changed ? `changed by ${count} ${count === 1 ? "fix" : "fixes"}` : "no fix changes anything"}, ${found.runs} replays`,
  );
  for (const { fix, frames, request, needs } of found.minimal) {
    const what = [...(request ? ["the request"] : []), ...(frames.length > 0 ? [`frames ${list(frames)}`] : [])].join(" and ");
    print(`  ${style.good(fix)}  changes ${what}${needs.length === 0 ? "" : `, only together with ${needs.join(", ")}`}`);
  }
  for (const fix of found.redundant) print(style.faint(`  ${fix}  is not needed: without it the others come to the same bytes`));
  if (found.sameAsThen) print("  same as then      yes");
  else if (found.offForThen) print(`  same as then      no, but with ${found.offForThen.join(", ")} off`);
  else
    print(
      "  same as then      no, and switching fixes off does not give what was sent then: a fix was on then that is not now, or works otherwise",
    );
}

function list(frames: readonly number[]): string {
  return `${frames.slice(0, 8).join(", ")}${frames.length > 8 ? ` and ${frames.length - 8} more` : ""}`;
}
