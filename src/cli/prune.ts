import { existsSync } from "node:fs";
import type { Command } from "commander";
import { parseDuration, parseSize } from "../core/units.ts";
import { bytesText, countText } from "../stats/text.ts";
import { addDatabaseOptions, databasePath, type DatabaseOptions } from "./database.ts";
import type { Caps } from "../recorder/prune.ts";
import { EXIT, Failure, print, printJson, say } from "./print.ts";

interface Options extends DatabaseOptions {
  readonly olderThan?: string;
  readonly maxSize?: string;
  readonly json?: boolean;
}

export function configure(command: Command): void {
  addDatabaseOptions(command)
    .option("--older-than <time>", "remove what is older: 14d")
    .option("--max-size <size>", "remove the oldest until the recording is smaller: 5GB")
    .option("--json", "one JSON document")
    .action((options: Options) => prune(options));
}

async function prune(options: Options): Promise<void> {
  const maxAgeMs = capOf("--older-than", options.olderThan, parseDuration, "14d");
  const maxBytes = capOf("--max-size", options.maxSize, parseSize, "5GB");
  if (maxAgeMs === undefined && maxBytes === undefined)
    throw new Failure(EXIT.usage, "say what may go: --older-than 14d, --max-size 5GB, or both");
  const path = await databasePath(options);
  if (!existsSync(path)) throw new Failure(EXIT.notFound, `there is no recording at ${path}; name another with --db`);
  const caps = { maxAgeMs: maxAgeMs ?? Number.MAX_SAFE_INTEGER, maxBytes: maxBytes ?? Number.MAX_SAFE_INTEGER };
  const { before, after, removed } = await pruneFile(path, caps);
  if (options.json) return printJson({ path, removed, bytes_before: before, bytes_after: after });
  print(`${path}: ${countText(removed)} exchanges removed, ${bytesText(before)} → ${bytesText(after)}`);
}

/** In small steps, each a transaction of its own: a sidecar that writes to the same file goes on writing. */
async function pruneFile(path: string, caps: Caps): Promise<{ before: number; after: number; removed: number }> {
  const [{ openForWriting }, { pruneStep, usedBytes }] = await Promise.all([import("../recorder/open.ts"), import("../recorder/prune.ts")]);
  const { db, setAside } = openForWriting(path, Date.now());
  try {
    if (setAside !== undefined) say(`${path} was damaged; it was kept as ${setAside}, and a new recording begun`);
    const before = usedBytes(db);
    let removed = 0;
    for (;;) {
      const step = pruneStep(db, caps, Date.now());
      removed += step.exchanges;
      if (!step.more) return { before, after: usedBytes(db), removed };
    }
  } finally {
    db.close();
  }
}

function capOf(flag: string, text: string | undefined, parse: (text: string) => number | undefined, example: string): number | undefined {
  if (text === undefined) return undefined;
  const cap = parse(text);
  if (cap === undefined) throw new Failure(EXIT.usage, `${flag} ${text}: expected something like ${example}`);
  return cap;
}
