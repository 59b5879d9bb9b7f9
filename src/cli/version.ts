import type { Command } from "commander";
import { print, printJson } from "./print.ts";
import { VERSION } from "./version-number.ts";

export function configure(command: Command): void {
  command.option("--json", "one JSON document").action((options: { readonly json?: boolean }) => {
    if (!options.json) return print(`llama-proxy ${VERSION}`);
    printJson({ version: VERSION, node: process.versions.node, platform: process.platform, arch: process.arch });
  });
}
