import type { Command } from "commander";
import { loadConfig } from "../config/load.ts";
import { describeSchema, isSection, type ConfigKey } from "../config/keys.ts";
import type { Fix } from "../fixes/fix.ts";
import { FIXES, planFixes } from "../fixes/index.ts";
import { renderTable } from "../stats/table.ts";
import { print, printJson, stdoutLook } from "./print.ts";

interface Options {
  readonly config?: string;
  readonly verbose?: boolean;
  readonly json?: boolean;
}

export function configure(command: Command): void {
  command
    .option("--config <file>", "the configuration that says what is on")
    .option("-v, --verbose", "also an example, what is held back, the source of the defect and the options")
    .option("--json", "one JSON document")
    .action((options: Options) => listFixes(options));
}

function listFixes(options: Options): void {
  const { config } = loadConfig({ file: options.config });
  const plan = new Map(planFixes(config.fixes).map((entry) => [entry.fix.name, entry.mode]));
  const rows = FIXES.map((fix) => ({ fix, mode: plan.get(fix.name) ?? "off" }));
  if (options.json) return printJson({ fixes: rows.map(({ fix, mode }) => fixJson(fix, mode)) });
  const look = stdoutLook();
  if (options.verbose) {
    for (const { fix, mode } of rows) print(verbose(fix, mode, look.style.strong));
    return;
  }
  const columns = [{ title: "NAME" }, { title: "MODE" }, { title: "KIND" }, { title: "MENDS", flexible: true }];
  for (const line of renderTable(
    columns,
    rows.map(({ fix, mode }) => [fix.name, mode, fix.kind, fix.summary]),
    look,
  ))
    print(line);
}

function fixJson(fix: Fix, mode: string): Record<string, unknown> {
  const { name, kind, summary, defaultMode, holds, example, source } = fix;
  return { name, kind, mode, default_mode: defaultMode, summary, holds, example, source, options: optionsOf(fix).map(optionJson) };
}

function optionJson(key: ConfigKey): Record<string, unknown> {
  return { key: ["fixes", "modules", ...key.path].join("."), default: key.default, description: key.description };
}

function verbose(fix: Fix, mode: string, strong: (text: string) => string): string {
  const options = optionsOf(fix).map((key) => {
    const standard = key.default === undefined ? "" : ` (default ${JSON.stringify(key.default)})`;
    return `  option   ${key.path.at(-1)}${standard}: ${key.description}`;
  });
  return [
    `${strong(fix.name)}  [${mode}]  ${fix.summary}`,
    `  kind     ${fix.kind}`,
    `  before   ${fix.example.before.replaceAll("\n", "\n           ")}`,
    `  after    ${fix.example.after.replaceAll("\n", "\n           ")}`,
    `  holds    ${fix.holds}, where the reply looks like what it mends`,
    `  seen in  ${fix.source}`,
    ...options,
    "",
  ].join("\n");
}

function optionsOf(fix: Fix): readonly ConfigKey[] {
  return describeSchema(fix.options, [fix.name]).entries.flatMap((entry) => (isSection(entry) ? [] : [entry]));
}
