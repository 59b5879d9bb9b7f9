/** The flags that speak of configuration, for `run` and for whoever starts what `run` starts. */
import type { Command } from "commander";
import type { Flags } from "../config/layers.ts";

export interface ConfigOptions extends Flags {
  readonly config?: string;
}

/** Adds the flags; what commander makes of them is a ConfigOptions, fit for `loadConfig({ file: options.config, flags: options })`. */
export function addConfigOptions(command: Command): Command {
  return command
    .option("--config <file>", "configuration file (default: ./config.yaml or ~/.config/llama-proxy/config.yaml, where there is one)")
    .option("--host <address>", "address to listen on (127.0.0.1)")
    .option("--port <port>", "port to listen on (8066)")
    .option("--backend <url>", "llama-server's address (http://127.0.0.1:8080)")
    .option("--backend-host <host>", "the same in two pieces: host")
    .option("--backend-port <port>", "and port")
    .option("--db <file>", "the recording")
    .option("--otlp <url>", "send telemetry to this OTLP/HTTP address")
    .option("--fixes <which>", "all, none, or names with commas")
    .option("--record <on|off>", "record exchanges (on)")
    .option("--stats-format <format>", "metrics of each request: pretty, json or compact");
}
