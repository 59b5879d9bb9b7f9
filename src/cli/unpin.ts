import type { Command } from "commander";
import { addDatabaseOptions, type DatabaseOptions } from "./database.ts";
import { setPinned } from "./pin.ts";

export function configure(command: Command): void {
  addDatabaseOptions(command.argument("<ids...>", "an id, its beginning, last, last:fixed or last:error")).action(
    (specs: readonly string[], options: DatabaseOptions) => setPinned(specs, options, false),
  );
}
