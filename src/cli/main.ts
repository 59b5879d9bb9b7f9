import { Command, CommanderError } from "commander";
import { nearest } from "../config/nearest.ts";
import { COMMANDS, type CommandEntry } from "./commands.ts";
import { EXIT, Failure, guardStreams, print, reportFailure, say, setExit } from "./print.ts";

/** Runs the command line. Never rejects; what went wrong is told on stderr and is the exit code. */
async function main(words: readonly string[]): Promise<void> {
  guardStreams();
  endWithLauncher();
  const debug = words.includes("--debug");
  const argv = words[0] === "-V" || words[0] === "--version" ? ["version"] : words;
  try {
    const program = createProgram();
    const entry = entryFor(argv);
    for (const command of COMMANDS) {
      const defined = prepare(program.command(command.name))
        .summary(command.summary)
        .description(`${capitalized(command.summary)}.`);
      if (command === entry) (await command.load()).configure(defined);
      defined.option("--debug", "stacks of errors, and more talk");
    }
    if (argv.length === 0) return program.outputHelp();
    await program.parseAsync([...argv], { from: "user" });
  } catch (cause) {
    if (cause instanceof CommanderError) setExit(cause.exitCode === 0 ? EXIT.ok : EXIT.usage);
    else reportFailure(cause, debug);
  }
}

/** On an old Node the launcher in bin/ is a process of its own: killed hard, it must not leave a sidecar behind that holds the port. */
function endWithLauncher(): void {
  if (!process.channel) return;
  process.on("disconnect", () => process.kill(process.pid, "SIGTERM"));
  // Listening for the end of the channel keeps no command from ending.
  process.channel.unref();
}

/** The command whose file is needed: the one called, or the one help is asked for. */
function entryFor(argv: readonly string[]): CommandEntry | undefined {
  const word = argv[0] === "help" ? argv[1] : argv[0];
  if (word === undefined || word === "-h" || word === "--help" || word === "help") return undefined;
  if (word.startsWith("-")) throw new Failure(EXIT.usage, `a command comes first; did you mean llama-proxy run ${argv.join(" ")}?`);
  const entry = COMMANDS.find((command) => command.name === word);
  if (entry) return entry;
  const near = nearest(
    word,
    COMMANDS.map((command) => command.name),
  );
  throw new Failure(EXIT.usage, `there is no command "${word}"; ${near ? `did you mean ${near}?` : "llama-proxy help lists them"}`);
}

function createProgram(): Command {
  const program = prepare(new Command("llama-proxy"));
  program
    .description("A sidecar in front of llama-server: passes its API through, mends malformed tool calls, records and measures.")
    .usage("<command> [options]")
    .helpCommand("help [command]", "explain a command")
    .addHelpText(
      "after",
      "\nStart with: llama-proxy run   (listens on 127.0.0.1:8066, llama-server on 127.0.0.1:8080)\nOr see it work: llama-proxy demo",
    );
  return program;
}

/** Usage errors come back as exceptions, so that the exit code is ours. */
function prepare(command: Command): Command {
  return command
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureHelp({ showGlobalOptions: false })
    .configureOutput({ writeOut: (text) => print(text.trimEnd()), writeErr: (text) => say(text.trimEnd()) });
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

await main(process.argv.slice(2));
