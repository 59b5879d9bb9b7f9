/** Where things are when nobody says. The environment is handed in. */
import { homedir } from "node:os";
import { join } from "node:path";
import { existsSync } from "node:fs";
import type { Env } from "./layers.ts";

/** `~/x` as a shell reads it: a configuration file passes no shell, and a folder named ~ is never meant. */
export function atHome(file: string): string {
  return file.startsWith("~/") ? join(homedir(), file.slice(2)) : file;
}

/** The file to read without `--config`: LLAMA_PROXY_CONFIG, ./config.yaml, or the one in the user's config folder. */
export function findConfigFile(env: Env): string | undefined {
  const named = env["LLAMA_PROXY_CONFIG"];
  if (named) return named;
  const home = env["XDG_CONFIG_HOME"] || join(homedir(), ".config");
  return ["config.yaml", join(home, "llama-proxy", "config.yaml")].find((file) => existsSync(file));
}
