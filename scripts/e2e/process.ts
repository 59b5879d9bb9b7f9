import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A program of the stack, its output in `<name>.log` of the work folder. */
export interface Running {
  readonly name: string;
  /** SIGTERM, then SIGKILL after ten seconds. Resolves with the exit code. */
  stop(): Promise<number | null>;
}

const STOP_MS = 10_000;

export function start(
  name: string,
  command: string,
  args: readonly string[],
  options: { readonly folder: string; readonly env?: Readonly<Record<string, string>> },
): Running {
  const log = createWriteStream(join(options.folder, `${name}.log`));
  const child = spawn(command, args, {
    cwd: options.folder,
    env: { ...cleanEnvironment(), ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const ended = Promise.withResolvers<number | null>();
  child.on("error", () => ended.resolve(null));
  child.on("exit", (code) => ended.resolve(code));
  return { name, stop: () => stop(child, ended.promise) };
}

async function stop(child: ChildProcess, ended: Promise<number | null>): Promise<number | null> {
  child.kill("SIGTERM");
  const late = setTimeoutKill(child);
  const code = await ended;
  clearTimeout(late);
  return code;
}

function setTimeoutKill(child: ChildProcess): NodeJS.Timeout {
  return setTimeout(() => child.kill("SIGKILL"), STOP_MS);
}

/** What configures a sidecar or its telemetry must not leak in from the shell that started the test. */
function cleanEnvironment(): Record<string, string> {
  const pairs = Object.entries(process.env).filter(([name]) => !/^(?:OTEL_|LLAMA_|INFLUX|NODE_OPTIONS)/.test(name));
  return Object.fromEntries(pairs.map(([name, value]) => [name, value ?? ""]));
}

/** Ports that were free a moment ago. */
export async function freePorts<Name extends string>(names: readonly Name[]): Promise<Record<Name, number>> {
  const servers = await Promise.all(
    names.map(async () => {
      const server = createServer();
      await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return Object.fromEntries(names.map((name, index) => [name, ports[index]])) as Record<Name, number>;
}

/** Waits until `url` answers with a 2xx. Throws after `ms` with what it said last. */
export async function answering(what: string, url: string, ms = 60_000): Promise<void> {
  const until = Date.now() + ms;
  let last = "nothing";
  while (Date.now() < until) {
    try {
      const response = await fetch(url);
      await response.arrayBuffer();
      if (response.ok) return;
      last = `status ${response.status}`;
    } catch (cause) {
      last = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
    }
    await sleep(200);
  }
  throw new Error(`${what} is not ready at ${url} after ${ms / 1000} s: ${last}`);
}
