/** Every command, one line each. A command's file is loaded only when the command is called. */
import type { Command } from "commander";

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** The command's file: `configure` adds its arguments, options and action. */
  readonly load: () => Promise<{ readonly configure: (command: Command) => void }>;
}

export const COMMANDS: readonly CommandEntry[] = [
  { name: "run", summary: "start the sidecar", load: () => import("./run.ts") },
  { name: "demo", summary: "see it work: a recorded llama-server, the sidecar, a mended tool call", load: () => import("./demo.ts") },
  { name: "list-fixes", summary: "what is mended, and how", load: () => import("./list-fixes.ts") },
  { name: "check-config", summary: "check a configuration file", load: () => import("./check-config.ts") },
];
