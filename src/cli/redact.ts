import { existsSync } from "node:fs";
import type { Command } from "commander";
import { loadConfig } from "../config/load.ts";
import type { BodyRule } from "../recorder/redact.ts";
import { countText } from "../stats/text.ts";
import { addDatabaseOptions, databasePath, type DatabaseOptions } from "./database.ts";
import { EXIT, Failure, print, printJson } from "./print.ts";

interface Options extends DatabaseOptions {
  readonly pattern?: readonly string[];
  readonly pointer?: readonly string[];
  readonly json?: boolean;
}

export function configure(command: Command): void {
  addDatabaseOptions(command)
    .option("--pattern <regexp>", "cut out what this JavaScript regular expression matches, anywhere (repeat)", collect)
    .option("--pointer <pointer>", "cut out this value of request bodies and whole replies: /messages/*/content (repeat)", collect)
    .option("--json", "one JSON document")
    .addHelpText(
      "after",
      "\nWithout either: the rules of the configuration (recorder.redact_patterns, recorder.redact_pointers). What was cut out cannot be had back,\nand replays of such an exchange may come out otherwise. Run it again for exchanges that are still running.",
    )
    .action((options: Options) => redact(options));
}

function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}

async function redact(options: Options): Promise<void> {
  const rules = rulesOf(options);
  if (rules.length === 0)
    throw new Failure(
      EXIT.usage,
      "say what to cut out: --pattern REGEXP, --pointer /messages/*/content, or recorder.redact_patterns in the configuration",
    );
  const path = await databasePath(options);
  if (!existsSync(path)) throw new Failure(EXIT.notFound, `there is no recording at ${path}; name another with --db`);
  const { redactFile } = await import("../recorder/redact-file.ts");
  const { createRedactor } = await import("../recorder/redact.ts");
  try {
    createRedactor(rules);
  } catch (cause) {
    throw new Failure(EXIT.usage, cause instanceof Error ? cause.message : String(cause), { cause });
  }
  const { seen, changed } = redactFile(path, rules);
  if (options.json) return printJson({ path, seen, changed });
  print(`${path}: ${countText(changed)} of ${countText(seen)} exchanges changed`);
}

function rulesOf({ pattern = [], pointer = [], config: file }: Options): readonly BodyRule[] {
  const given = [...pattern.map((text) => ({ pattern: text })), ...pointer.map((text) => ({ pointer: text }))];
  if (given.length > 0) return given;
  const { recorder } = loadConfig({ file }).config;
  return [...recorder.redact_patterns.map((text) => ({ pattern: text })), ...recorder.redact_pointers.map((text) => ({ pointer: text }))];
}
