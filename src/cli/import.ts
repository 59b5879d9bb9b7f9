import type { Command } from "commander";
import { existsSync } from "node:fs";
import { openReader } from "../recorder/reader.ts";
import { contentHash } from "../replay/portable.ts";
import { addDatabaseOptions, databasePath, type DatabaseOptions } from "./database.ts";
import { EXIT, Failure, print, printJson } from "./print.ts";
import { readFile } from "./recording-set.ts";

interface Options extends DatabaseOptions {
  readonly json?: boolean;
}

export function configure(command: Command): void {
  addDatabaseOptions(command.argument("<file>", "made by export --format portable"))
    .option("--json", "one JSON document")
    .addHelpText(
      "after",
      "\nHashes are checked before anything is written. A recording that is there already is skipped; where the same id stands for other bytes, nothing is imported.",
    )
    .action((file: string, options: Options) => runImport(file, options));
}

async function runImport(file: string, options: Options): Promise<void> {
  const recordings = readFile(file);
  const path = await databasePath(options);
  if (existsSync(path)) {
    using reader = openReader(path);
    for (const recording of recordings) {
      const present = reader.get(recording.id);
      if (present && contentHash(present) !== contentHash(recording)) {
        throw new Failure(
          EXIT.different,
          `${recording.id} is in ${path} already, with other content; nothing was imported. Import into another file with --db`,
        );
      }
    }
  }
  const { importRecordings } = await import("../recorder/import-file.ts");
  const { added, present } = importRecordings(path, recordings, Date.now());
  if (options.json) return printJson({ path, added, skipped: present });
  print(`${path}: ${added} imported${present.length === 0 ? "" : `, ${present.length} there already`}`);
}
