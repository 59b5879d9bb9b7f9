import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { loadConfig } from "../config/load.ts";
import { caseOf } from "../replay/case.ts";
import { caseFiles, PLAYER } from "../replay/case-files.ts";
import { redactRecording, type RedactedRecording } from "../replay/redact-recording.ts";
import { replay } from "../replay/replay.ts";
import { addDatabaseOptions } from "./database.ts";
import { limitsOf, planOf } from "./fix-plan.ts";
import { EXIT, Failure, print, printJson, say } from "./print.ts";
import { openSet, type SetOptions } from "./recording-set.ts";

interface Options extends SetOptions {
  readonly output: string;
  readonly name?: string;
  readonly msw?: boolean;
  readonly redact?: readonly string[];
  readonly force?: boolean;
  readonly json?: boolean;
}

export function configure(command: Command): void {
  addDatabaseOptions(command.argument("<id>", "an id, its beginning, last, last:fixed or last:error"))
    .requiredOption("-o, --output <folder>", "folder for the files; made where there is none")
    .option("--name <name>", "name of the case (default: the id)")
    .option("--msw", "a handler for msw 3 instead of a backend of its own")
    .option("--redact <pattern>", "cut out what this regular expression matches, too (repeat)", collect)
    .option("--from <file>", "a portable file, instead of the database")
    .option("--force", "write over files that are there")
    .option("--json", "one JSON document")
    .addHelpText(
      "after",
      "\nRuns in a project that has only vitest: npm i -D vitest@5 (with --msw also msw@3). Keys, mail addresses and names in home folders are cut out.",
    )
    .action((spec: string, options: Options) => makeTest(spec, options));
}

function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}

async function makeTest(spec: string, options: Options): Promise<void> {
  const { config } = loadConfig({ file: options.config });
  using set = await openSet([spec], options);
  const [original] = set.recordings();
  if (!original) throw new Failure(EXIT.notFound, `no recording "${spec}" in ${set.source}`);
  const redacted = redactedOf(original, options.redact ?? []);
  const name = options.name ?? original.id;
  if (!/^[\w.-]+$/.test(name))
    throw new Failure(EXIT.usage, `--name ${name}: letters, digits, dots, dashes and underscores only, it becomes a file name`);
  const testCase = caseOf(redacted.recording, name);
  if (!testCase)
    throw new Failure(
      EXIT.failure,
      `${original.id} has no whole reply to hold a client to (${original.outcome}${original.truncated ? ", not every byte was kept" : ""})`,
    );
  const report = replay(redacted.recording, planOf(config), limitsOf(config));
  if (!report.sameAsThen)
    say("today's fixes make something else of it than was sent then: the test expects what was sent then; llama-proxy bisect looks closer");

  const files = new Map([
    [`${name}.case.json`, `${JSON.stringify(testCase, null, 2)}\n`],
    ...caseFiles(name, options.msw ? "msw" : "backend"),
  ]);
  mkdirSync(options.output, { recursive: true });
  // The player is shared by the cases of a folder: the same for all of them, unless somebody edited it.
  const written = [...files.keys()].filter((file) => file !== PLAYER || options.force === true || !existsSync(join(options.output, file)));
  const taken = written.find((file) => existsSync(join(options.output, file)));
  if (taken !== undefined && !options.force)
    throw new Failure(EXIT.failure, `${join(options.output, taken)} is there already; --force writes over it, --name gives another name`);
  for (const file of written) writeFileSync(join(options.output, file), files.get(file) ?? "");
  if (options.json)
    return printJson({
      id: original.id,
      name,
      folder: options.output,
      files: written,
      redacted: redacted.changed,
      same_as_then: report.sameAsThen,
    });
  for (const file of written) print(join(options.output, file));
  if (redacted.changed)
    say("something that looks like a secret or names a person was cut out; look through the case before you publish it");
}

function redactedOf(original: Parameters<typeof redactRecording>[0], patterns: readonly string[]): RedactedRecording {
  let redacted: RedactedRecording;
  try {
    redacted = redactRecording(original, patterns);
  } catch (cause) {
    throw new Failure(EXIT.usage, `--redact: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  if (redacted.leaks)
    throw new Failure(
      EXIT.failure,
      `the reply of ${original.id} spells what looks like a secret, spread over several frames: it cannot be cut out without changing the frames; take another recording`,
    );
  return redacted;
}
