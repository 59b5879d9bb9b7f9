import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { Writable } from "node:stream";
import type { Command } from "commander";
import { curlOf, harOf } from "../replay/elsewhere.ts";
import { writePortable } from "../replay/portable.ts";
import { addDatabaseOptions } from "./database.ts";
import { recordingJson } from "./exchange-json.ts";
import { EXIT, Failure, say, write } from "./print.ts";
import { openSet, type RecordingSet, type SetOptions } from "./recording-set.ts";
import { VERSION } from "./version-number.ts";

interface Options extends SetOptions {
  readonly format: string;
  readonly output?: string;
  readonly to: string;
}

const FORMATS = ["portable", "jsonl", "curl", "har"];

export function configure(command: Command): void {
  addDatabaseOptions(command.argument("[ids...]", "recordings to export"))
    .option("--since <time>", "instead of ids: everything since 90s, 15m, 1h, 7d or an ISO time")
    .option("--from <file>", "a portable file, instead of the database")
    .option("--format <name>", "portable (for import, with hashes), jsonl (as show --json), curl, har", "portable")
    .option("-o, --output <file>", "a file instead of stdout")
    .option("--to <url>", "origin that curl commands ask", "http://127.0.0.1:8066")
    .addHelpText("after", "\nPrompts and answers are in it, as they were recorded; values of secret headers are not.")
    .action((ids: readonly string[], options: Options) => runExport(ids, options));
}

async function runExport(ids: readonly string[], options: Options): Promise<void> {
  if (!FORMATS.includes(options.format)) throw new Failure(EXIT.usage, `--format ${options.format}: expected ${FORMATS.join(", ")}`);
  if (ids.length === 0 && options.since === undefined && options.from === undefined)
    throw new Failure(EXIT.usage, "say what to export: ids (or last), --since 1h, or --from FILE");
  using set = await openSet(ids, options);
  if (options.output === undefined) {
    for (const text of texts(set, options)) write(text);
    return;
  }
  const counted = counting(set);
  await writeFile(options.output, texts(counted, options));
  say(`${counted.count()} recordings in ${options.output}`);
}

function* texts(set: Pick<RecordingSet, "recordings">, options: Options): Generator<string> {
  switch (options.format) {
    case "jsonl":
      for (const recording of set.recordings()) yield `${JSON.stringify({ schema_version: 1, ...recordingJson(recording) })}\n`;
      return;
    case "curl":
      for (const recording of set.recordings()) yield `${curlOf(recording, new URL(options.to).origin)}\n`;
      return;
    case "har":
      yield `${JSON.stringify(harOf(set.recordings(), VERSION))}\n`;
      return;
    default:
      yield* writePortable(set.recordings(), `llama-proxy ${VERSION}`);
  }
}

function counting(set: RecordingSet): Pick<RecordingSet, "recordings"> & { count(): number } {
  let count = 0;
  return {
    *recordings() {
      for (const recording of set.recordings()) {
        count += 1;
        yield recording;
      }
    },
    count: () => count,
  };
}

/** One piece in memory at a time: a day of an agent's work is gigabytes. */
async function writeFile(path: string, pieces: Iterable<string>): Promise<void> {
  // Prompts: nobody else's business on a shared machine.
  const file: Writable = createWriteStream(path, { mode: 0o600 });
  const failed = once(file, "error").then(([cause]) => {
    throw new Failure(EXIT.failure, `${path} cannot be written: ${(cause as Error).message}`, { cause });
  });
  const writing = (async () => {
    for (const piece of pieces) if (!file.write(piece)) await once(file, "drain");
    file.end();
    await once(file, "finish");
  })();
  await Promise.race([writing, failed]);
}
