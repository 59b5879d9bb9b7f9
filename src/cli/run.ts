import { closeSync, openSync } from "node:fs";
import type { Command } from "commander";
import { loadConfig } from "../config/load.ts";
import { addConfigOptions, type ConfigOptions } from "./config-options.ts";
import { keepHeapSmall } from "./heap.ts";
import { EXIT, Failure, outliveReaders, say, setExit, stdoutLook, write } from "./print.ts";
import { startService, type Service } from "./service.ts";
import { VERSION } from "./version-number.ts";

interface Options extends ConfigOptions {
  readonly debug?: boolean;
}

export function configure(command: Command): void {
  addConfigOptions(command).action((options: Options) => run(options));
}

async function run(options: Options): Promise<void> {
  const { config, file, warnings } = loadConfig({ file: options.config, flags: options });
  outliveReaders();
  for (const warning of warnings) say(`warning: ${warning}`);
  const stopped = untilSignal();
  const service = await startService({
    config,
    env: process.env,
    version: VERSION,
    write,
    look: stdoutLook,
    say,
    debug: options.debug === true,
    reread: () => loadConfig({ file: options.config, flags: options }).config,
  }).catch((cause: NodeJS.ErrnoException) => {
    throw listenFailure(cause, config.server.host, config.server.port);
  });
  survive(service);
  keepHeapSmall();
  say(`llama-proxy ${VERSION} on ${service.url.origin}, llama-server at ${config.backend.url}`);
  say(`  recording ${service.recording ?? "off"} · telemetry ${config.otel.endpoint ?? "off"} · config ${file ?? "defaults"}`);

  const signal = await Promise.race([stopped, untilHungUp(service)]);
  const seconds = service.config.server.drain_seconds;
  say(`${signal}: finishing what is in flight, at most ${seconds} s; once more to stop at once`);
  process.once("SIGINT", () => process.exit(EXIT.interrupted));
  process.once("SIGTERM", () => process.exit(EXIT.interrupted));
  await service.stop(seconds * 1000);
  setExit(EXIT.ok);
  // Sockets of a collector that never answered would keep the process for their own timeouts.
  process.exit(EXIT.ok);
}

function untilSignal(): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  process.once("SIGINT", resolve);
  process.once("SIGTERM", resolve);
  return promise;
}

/** SIGHUP applies the configuration anew, unless it is the terminal that says goodbye: then it ends the program as ever. */
function untilHungUp(service: Service): Promise<NodeJS.Signals> {
  const inTerminal = process.stdin.isTTY;
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  process.on("SIGHUP", () => {
    if (inTerminal && !hasTerminal()) resolve("SIGHUP");
    else void service.reload();
  });
  return promise;
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}

/** docs/decisions/004: a fault nobody caught must not take every stream in flight with it. */
function survive(service: Service): void {
  process.on("uncaughtException", (cause) => service.fault(cause));
  process.on("unhandledRejection", (cause) => service.fault(cause));
}

function listenFailure(cause: NodeJS.ErrnoException, host: string, port: number): Error {
  switch (cause.code) {
    case "EADDRINUSE":
      return new Failure(
        EXIT.failure,
        `${host}:${port} is taken, perhaps by another llama-proxy; choose another with --port or stop that one`,
        { cause },
      );
    case "EACCES":
      return new Failure(
        EXIT.failure,
        `not allowed to listen on ${host}:${port}; ports below 1024 need privileges, choose another with --port`,
        { cause },
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new Failure(EXIT.failure, `${host} is not an address of this machine; --host takes 127.0.0.1, 0.0.0.0 or one that it has`, {
        cause,
      });
    default:
      return cause;
  }
}
