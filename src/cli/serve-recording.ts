import type { Command } from "commander";
import { parseDuration } from "../core/units.ts";
import { startPlayingServer } from "../demo/playing-server.ts";
import { parseRecut } from "../replay/recut.ts";
import { createStandIn, type Answered, type StandInOptions } from "../replay/stand-in.ts";
import { clean } from "../stats/text.ts";
import { addDatabaseOptions } from "./database.ts";
import { EXIT, Failure, outliveReaders, printJson, say, setExit } from "./print.ts";
import { openSet, type SetOptions } from "./recording-set.ts";

interface Options extends SetOptions {
  readonly host: string;
  readonly port: string;
  readonly speed: string;
  readonly recut?: string;
  readonly dropAt?: string;
  readonly stallAt?: string;
  readonly fail?: string;
  readonly json?: boolean;
}

export function configure(command: Command): void {
  addDatabaseOptions(command.argument("[ids...]", "recordings to answer from; none: all of them"))
    .option("--since <time>", "instead of ids: everything since 90s, 15m, 1h, 7d or an ISO time")
    .option("--from <file>", "a file made by export --format portable, instead of the database")
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--port <port>", "port to listen on, 0 for any", "8080")
    .option("--speed <pace>", "1x as recorded, 10x ten times as fast, max", "1x")
    .option("--recut <how>", "cut replies elsewhere: bytes:1 or random:SEED")
    .option("--drop-at <n>", "cut the connection before frame n (from 0)")
    .option("--stall-at <n:time>", "be silent before frame n: 3:5s")
    .option("--fail <status>", "answer completions with this status; 503:2 only the first two")
    .option("--json", "on stdout, one JSON document with the counts at the end")
    .addHelpText(
      "after",
      "\nEvery reply says in x-llama-proxy-match what it is: exact (the recorded request, byte for byte), reused (served before, or a request that\ndiffers in what x-llama-proxy-remark names), made-up (health, props, slots, models that nobody recorded), unmatched (404) or failed (--fail).\nEnd it with SIGINT or SIGTERM. Exit code: 0, or 5 when a request was unmatched.",
    )
    .action((ids: readonly string[], options: Options) => serve(ids, options));
}

async function serve(ids: readonly string[], options: Options): Promise<void> {
  const speed = speedOf(options.speed);
  const port = Number(options.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Failure(EXIT.usage, `--port ${options.port}: expected 0 to 65535`);
  const faults = faultsOf(options);
  using set = await openSet(ids, options);
  const standIn = createStandIn(set.recordings(), (id) => set.get(id), { ...faults, onAnswer: (answered) => say(lineOf(answered)) });
  if (standIn.size === 0) throw new Failure(EXIT.notFound, `${set.source} holds no recording to answer from`);
  outliveReaders();
  const stopped = untilSignal();
  await using server = await startPlayingServer({ host: options.host, port, speed, answer: (request) => standIn.answer(request) }).catch(
    (cause: NodeJS.ErrnoException) => {
      throw new Failure(
        EXIT.failure,
        `cannot listen on ${options.host}:${port} (${cause.code ?? cause.message}); choose another with --port`,
        { cause },
      );
    },
  );
  say(`answering from ${standIn.size} recordings of ${set.source} on ${server.url.origin}`);
  await stopped;
  const { counts } = standIn;
  say(
    Object.entries(counts)
      .filter(([kind, count]) => count > 0 || kind === "exact" || kind === "unmatched")
      .map(([kind, count]) => `${count} ${kind}`)
      .join(", "),
  );
  if (options.json)
    printJson({
      recordings: standIn.size,
      exact: counts.exact,
      reused: counts.reused,
      unmatched: counts.unmatched,
      made_up: counts["made-up"],
      failed: counts.failed,
    });
  setExit(counts.unmatched > 0 ? EXIT.different : EXIT.ok);
}

function lineOf({ method, path, kind, id, remark }: Answered): string {
  return clean(`${kind.padEnd(9)} ${method} ${path}${id === undefined ? "" : `  ${id}`}${remark === "" ? "" : `  ${remark}`}`);
}

function speedOf(text: string): number {
  const speed = text === "max" ? Number.POSITIVE_INFINITY : Number(/^(\d+(?:\.\d+)?)x?$/.exec(text)?.[1]);
  if (!(speed > 0)) throw new Failure(EXIT.usage, `--speed ${text}: expected 1x, 10x, 0.5x or max`);
  return speed;
}

function faultsOf(options: Options): StandInOptions {
  const recut = options.recut === undefined ? undefined : parseRecut(options.recut);
  if (options.recut !== undefined && !recut) throw new Failure(EXIT.usage, `--recut ${options.recut}: expected bytes:N or random:SEED`);
  const dropAt = options.dropAt === undefined ? undefined : frameOf("--drop-at", options.dropAt);
  return { recut, dropAt, stallAt: stallOf(options.stallAt), fail: failOf(options.fail) };
}

function frameOf(flag: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Failure(EXIT.usage, `${flag} ${text}: expected the number of a frame, from 0`);
  return Number(text);
}

function stallOf(text: string | undefined): StandInOptions["stallAt"] {
  if (text === undefined) return undefined;
  const [frame = "", time = ""] = text.split(":");
  const ms = parseDuration(time);
  if (ms === undefined) throw new Failure(EXIT.usage, `--stall-at ${text}: expected FRAME:TIME, such as 3:5s`);
  return { frame: frameOf("--stall-at", frame), ms };
}

function failOf(text: string | undefined): StandInOptions["fail"] {
  if (text === undefined) return undefined;
  const match = /^([45]\d\d)(?::(\d{1,9}))?$/.exec(text);
  if (!match)
    throw new Failure(EXIT.usage, `--fail ${text}: expected a status from 400 to 599, such as 503, or 503:2 for the first two requests`);
  return { status: Number(match[1]), times: match[2] === undefined ? Number.POSITIVE_INFINITY : Number(match[2]) };
}

function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
}
