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
  { name: "bisect", summary: "which fix changed what in a reply, by switching them off", load: () => import("./bisect.ts") },
  { name: "verify", summary: "every pinned recording through today's fixes", load: () => import("./verify.ts") },
  { name: "pin", summary: "keep a recording from pruning, and verify it", load: () => import("./pin.ts") },
  { name: "unpin", summary: "let a pinned recording go", load: () => import("./unpin.ts") },
  { name: "diff", summary: "where two prompts part, and what it cost", load: () => import("./diff.ts") },
  { name: "explain", summary: "why an exchange was slow, missed the prompt cache, or failed", load: () => import("./explain.ts") },
  { name: "serve-recording", summary: "a llama-server that answers from recordings", load: () => import("./serve-recording.ts") },
  { name: "make-test", summary: "a recording as a test case, with a test that runs it", load: () => import("./make-test.ts") },
  { name: "export", summary: "recordings as a portable file, JSON lines, curl or HAR", load: () => import("./export.ts") },
  { name: "import", summary: "recordings from a portable file into the database", load: () => import("./import.ts") },
  { name: "redact", summary: "cut content out of what is recorded already", load: () => import("./redact.ts") },
  { name: "prune", summary: "remove old exchanges from the recording", load: () => import("./prune.ts") },
  { name: "list-fixes", summary: "what is mended, and how", load: () => import("./list-fixes.ts") },
  { name: "check-config", summary: "check a configuration file", load: () => import("./check-config.ts") },
  { name: "test-backend", summary: "ask llama-server what it supports", load: () => import("./test-backend.ts") },
  { name: "doctor", summary: "look at everything that has to work, and say how to cure it", load: () => import("./doctor.ts") },
  { name: "completion", summary: "a script for your shell that completes commands", load: () => import("./completion.ts") },
  { name: "version", summary: "version of llama-proxy", load: () => import("./version.ts") },
];
