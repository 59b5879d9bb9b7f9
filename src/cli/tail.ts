import type { Command } from "commander";
import { setTimeout as sleep } from "node:timers/promises";
import type { Outcome } from "../core/exchange.ts";
import type { RecordedExchange } from "../core/recording.ts";
import type { Reader } from "../recorder/reader.ts";
import { formatRequest, metricsJson, type FinishedRequest } from "../stats/format.ts";
import { clean, clockText } from "../stats/text.ts";
import { addDatabaseOptions, openRecordings, type DatabaseOptions } from "./database.ts";
import { EXIT, print, say, setExit, stdoutLook } from "./print.ts";

interface Options extends DatabaseOptions {
  readonly frames?: boolean;
  readonly content?: boolean;
  readonly json?: boolean;
}

const POLL_MS = 250;

export function configure(command: Command): void {
  addDatabaseOptions(command)
    .option("--frames", "also every frame")
    .option("--content", "also what was asked and answered")
    .option("--json", "one JSON object a line")
    .action((options: Options) => tail(options));
}

/** Polls until interrupted: the writer may be any process, or start later. */
async function tail(options: Options): Promise<void> {
  using reader = await openRecordings(options);
  const stopped = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopped.abort());
  say(`waiting for exchanges in ${reader.path}; Ctrl-C ends`);
  let cursor = reader.cursor();
  while (!stopped.signal.aborted) {
    const ended = reader.since(cursor);
    cursor = ended.cursor;
    for (const exchange of ended.exchanges) await printExchange(reader, exchange, options);
    await sleep(POLL_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
  }
  setExit(EXIT.interrupted);
}

async function printExchange(reader: Reader, exchange: RecordedExchange, options: Options): Promise<void> {
  const request = finished(exchange);
  const recording = options.frames || options.content ? reader.get(exchange.id) : undefined;
  const { contentLine } = options.content ? await import("./conversation.ts") : { contentLine: undefined };
  const content = recording && contentLine ? contentLine(recording) : undefined;
  if (options.json) return print(JSON.stringify({ schema_version: 1, ...metricsJson(request), content }));
  const look = stdoutLook();
  print(`${look.style.faint(clockText(exchange.startedAt))} ${clean(exchange.path)} ${formatRequest(request, "compact", look).trimEnd()}`);
  if (content !== undefined) print(`  ${clean(content)}`);
  if (options.frames && recording) {
    const { frameLines } = await import("./frame-lines.ts");
    for (const line of frameLines(recording, look.width)) print(line);
  }
}

function finished(exchange: RecordedExchange): FinishedRequest {
  const metrics = { ...exchange.metrics, outcome: exchange.outcome as Outcome };
  return { id: exchange.id, at: exchange.startedAt, path: exchange.path, metrics, reason: exchange.reason };
}
