/** The recording that a reading command works on, and the ids a person types. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import type { Command } from "commander";
import { atHome, findConfigFile } from "../config/paths.ts";
import { defaultPath } from "../recorder/default-path.ts";
import type { Reader } from "../recorder/reader.ts";
import { parseSince } from "../stats/since.ts";
import { EXIT, Failure } from "./print.ts";

export interface DatabaseOptions {
  readonly db?: string;
  readonly config?: string;
}

export function addDatabaseOptions(command: Command): Command {
  return command
    .option("--db <file>", "the recording (default: recorder.path, else the one in your data folder)")
    .option("--config <file>", "the configuration that names the recording");
}

/**
 * `--db`, else what the configuration says, else the default. The configuration's own code is loaded
 * only where there is a file to read: `ls` has 200 ms for everything.
 */
export async function databasePath(options: DatabaseOptions): Promise<string> {
  if (options.db !== undefined) return options.db;
  const { env } = process;
  if (options.config !== undefined || findConfigFile(env) !== undefined) {
    const { loadConfig } = await import("../config/load.ts");
    const { config } = loadConfig({ file: options.config });
    if (config.recorder.path !== undefined) return config.recorder.path;
  }
  return atHome(env["LLAMA_PROXY_RECORDER_PATH"] ?? "") || defaultPath(env, process.platform, homedir());
}

/** Opens it read-only; the caller disposes of it. */
export async function openRecordings(options: DatabaseOptions): Promise<Reader> {
  const path = await databasePath(options);
  if (!existsSync(path)) {
    throw new Failure(EXIT.notFound, `there is no recording at ${path}; start llama-proxy run to make one, or name another with --db`);
  }
  const { openReader } = await import("../recorder/reader.ts");
  return openReader(path);
}

/** The full id for what was typed. */
export function resolveId(reader: Reader, spec: string): string {
  const resolved = reader.resolve(spec);
  if (resolved.kind === "found") return resolved.id;
  const { candidates } = resolved;
  if (resolved.kind === "ambiguous") throw new Failure(EXIT.usage, `several ids begin with "${spec}":\n  ${candidates.join("\n  ")}`);
  const example = candidates.length === 0 ? "nothing is recorded yet" : `the newest is ${candidates[0]}; llama-proxy ls lists more`;
  throw new Failure(EXIT.notFound, `no exchange "${spec}" in ${reader.path}; ${example}`);
}

/** Unix milliseconds of `--since`. */
export function sinceOf(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const since = parseSince(text, now);
  if (since === undefined) throw new Failure(EXIT.usage, `--since ${text}: expected 90s, 15m, 1h, 7d or a time such as 2026-11-20T14:00`);
  return since;
}

/** A whole number from 1 on, for `-n` and the like. */
export function countOf(flag: string, text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) throw new Failure(EXIT.usage, `${flag} ${text}: expected a whole number, 1 or more`);
  return count;
}
