import type { Command } from "commander";
import { addDatabaseOptions, openRecordings, resolveId, type DatabaseOptions } from "./database.ts";
import { EXIT, Failure, print } from "./print.ts";

export function configure(command: Command): void {
  addDatabaseOptions(command.argument("<ids...>", "an id, its beginning, last, last:fixed or last:error")).action(
    (specs: readonly string[], options: DatabaseOptions) => setPinned(specs, options, true),
  );
}

/** Pins or lets go. All ids are looked up before the first is changed. */
export async function setPinned(specs: readonly string[], options: DatabaseOptions, pinned: boolean): Promise<void> {
  using reader = await openRecordings(options);
  const ids = specs.map((spec) => resolveId(reader, spec));
  const { pinExchange } = await import("../recorder/prune-file.ts");
  for (const id of ids) {
    if (!pinExchange(reader.path, id, pinned)) throw new Failure(EXIT.notFound, `exchange ${id} has just been removed from ${reader.path}`);
    print(`${id} ${pinned ? "pinned: pruning leaves it, llama-proxy verify replays it" : "no longer pinned"}`);
  }
}
