import type { Command } from "commander";
import { defaultConfigText } from "../config/document.ts";
import { loadConfig } from "../config/load.ts";
import { planFixes } from "../fixes/index.ts";
import { print, printJson, say, write } from "./print.ts";

interface Options {
  readonly config?: string;
  readonly defaults?: boolean;
  readonly json?: boolean;
}

export function configure(command: Command): void {
  command
    .option("--config <file>", "the file to check (default: the one `run` would read)")
    .option("--defaults", "print every key with its default and meaning, as a file to start from")
    .option("--json", "print the configuration that results, with defaults and environment, as JSON")
    .action((options: Options) => checkConfig(options));
}

function checkConfig(options: Options): void {
  if (options.defaults) return write(defaultConfigText());
  const { config, file, warnings } = loadConfig({ file: options.config });
  for (const warning of warnings) say(`warning: ${warning}`);
  if (options.json) return printJson({ file, config: { ...config, otel: { ...config.otel, headers: Object.keys(config.otel.headers) } } });
  const on = planFixes(config.fixes);
  print(`${file ?? "no configuration file: defaults"}: ok`);
  print(`  listens on  ${config.server.host}:${config.server.port}`);
  print(`  backend     ${config.backend.url}`);
  print(
    `  fixes       ${on.length === 0 ? "none" : on.map((entry) => `${entry.fix.name}${entry.mode === "fix" ? "" : ` (${entry.mode})`}`).join(", ")}`,
  );
  print(`  recorder    ${config.recorder.enabled ? (config.recorder.path ?? "on") : "off"}`);
  print(`  telemetry   ${config.otel.enabled && config.otel.endpoint !== undefined ? config.otel.endpoint : "off"}`);
}
