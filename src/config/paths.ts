/** Where things are when nobody says. The environment is handed in. */
import { homedir } from "node:os";
import { join } from "node:path";
import { existsSync } from "node:fs";
import type { Env } from "./layers.ts";

/** The file to read without `--config`: LLAMA_PROXY_CONFIG, ./config.yaml, or the one in the user's config folder. */
export function findConfigFile(env: Env): string | undefined {
  const named = env["LLAMA_PROXY_CONFIG"];
  if (named) return named;
  const home = env["XDG_CONFIG_HOME"] || join(homedir(), ".config");
  return ["config.yaml", join(home, "llama-proxy", "config.yaml")].find((file) => existsSync(file));
}
