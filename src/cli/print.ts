/**
 * The only file that writes to stdout and stderr and sets the exit code.
 *
 * stdout is data, stderr is talk. A reader that goes away (`ls | head -1`) ends the program quietly.
 */
import { ConfigError } from "../config/problem.ts";
import type { Look } from "../stats/format.ts";
import { COLOUR, PLAIN, type Style } from "../stats/text.ts";

/** Exit codes, cli.md rule 5. */
export const EXIT = { ok: 0, failure: 1, usage: 2, notFound: 3, different: 5, unreachable: 6, interrupted: 130 } as const;

/** An end of the command that a person is told of: what is wrong and the cure. */
export class Failure extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "Failure";
    this.exitCode = exitCode;
  }
}

export function guardStreams(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code === "EPIPE") process.exit(process.exitCode ?? EXIT.ok);
      throw cause;
    });
  }
}

/** For a command that serves: its work goes on when nobody reads its output any more (`run | head`). */
export function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners("error").on("error", () => {});
}

/** Data, as it is. */
export function write(data: string | Uint8Array): void {
  process.stdout.write(data);
}

/** A line of data. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** The one JSON document of a command, with its version. */
export function printJson(document: Readonly<Record<string, unknown>>): void {
  print(JSON.stringify({ schema_version: 1, ...document }, null, process.stdout.isTTY ? 2 : undefined));
}

/** A line of talk. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function setExit(code: number): void {
  process.exitCode = code;
}

/** How stdout wants its text: colours and width only on a terminal, and `NO_COLOR` is obeyed. */
export function stdoutLook(): Look & { readonly terminal: boolean } {
  return lookOf(process.stdout, process.env);
}

function stderrStyle(): Style {
  return lookOf(process.stderr, process.env).style;
}

export function lookOf(
  stream: { readonly isTTY?: boolean; readonly columns?: number },
  env: Readonly<Record<string, string | undefined>>,
): Look & { readonly terminal: boolean } {
  const terminal = stream.isTTY === true;
  const colour = terminal && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"];
  // A locale that is set and is not UTF-8 (C, POSIX, latin1) gets plain ASCII boxes.
  const lines = !terminal || locale === undefined || locale === "" || /utf-?8/i.test(locale);
  return { terminal, width: terminal ? (stream.columns ?? 80) : Number.POSITIVE_INFINITY, style: colour ? COLOUR : PLAIN, lines };
}

/** Tells what ended the command and sets its exit code. The stack only when asked for. */
export function reportFailure(cause: unknown, debug: boolean): void {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  const code = exitCodeOf(error);
  const style = stderrStyle();
  for (const [i, line] of error.message.split("\n").entries()) say(i === 0 ? `${style.bad("error:")} ${line}` : line);
  if (debug) say(error.stack ?? "");
  else if (code === undefined) say("run again with --debug for the stack");
  setExit(code ?? EXIT.failure);
}

/** Undefined: not an error that anybody foresaw. */
function exitCodeOf(error: Error): number | undefined {
  if (error instanceof Failure) return error.exitCode;
  if (error instanceof ConfigError) return EXIT.usage;
  // The reader's errors are known by name: its file loads SQLite, which most commands do without.
  if (error.name !== "ReaderError" || !("code" in error)) return undefined;
  if (error.code === "missing") return EXIT.notFound;
  return error.code === "sql" || error.code === "refused" ? EXIT.usage : EXIT.failure;
}
