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
  {
    name: "demo",
    summary: "see it work, with nothing installed: a recorded llama-server, a malformed call, its cure",
    load: () => import("./demo.ts"),
  },
  { name: "ls", summary: "the latest exchanges, newest first", load: () => import("./ls.ts") },
  { name: "show", summary: "one exchange: what was asked, what came, what was sent", load: () => import("./show.ts") },
  { name: "tail", summary: "one line per exchange as it ends", load: () => import("./tail.ts") },
  { name: "stats", summary: "totals and percentiles, by model, route, client, session or hour", load: () => import("./stats.ts") },
  { name: "sessions", summary: "conversations, and what re-processing their prompts cost", load: () => import("./sessions.ts") },
  { name: "sql", summary: "read-only SQL over the recording", load: () => import("./sql.ts") },
  { name: "replay", summary: "recorded replies through today's fixes: what would be sent now", load: () => import("./replay.ts") },
  { name: "prune", summary: "remove old exchanges from the recording", load: () => import("./prune.ts") },
  { name: "list-fixes", summary: "what is mended, and how", load: () => import("./list-fixes.ts") },
  { name: "check-config", summary: "check a configuration file", load: () => import("./check-config.ts") },
  { name: "test-backend", summary: "ask llama-server what it supports", load: () => import("./test-backend.ts") },
  { name: "doctor", summary: "look at everything that has to work, and say how to cure it", load: () => import("./doctor.ts") },
  { name: "completion", summary: "a script for your shell that completes commands", load: () => import("./completion.ts") },
  { name: "version", summary: "version of llama-proxy", load: () => import("./version.ts") },
];
