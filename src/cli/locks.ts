/** Keys and certificates, from where the configuration says they are. */
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { Config } from "../config/schema.ts";
import { createDoor, type Door } from "../sidecar/door.ts";
import type { ListenerOptions } from "../sidecar/listener.ts";
import { isLoopback } from "../sidecar/own-guard.ts";
import { EXIT, Failure } from "./print.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** Throws Failure when keys are asked for and there are none: the port must not be open by mistake. */
export function readDoor({ server, backend }: Config, env: Env): Door {
  const keys: string[] = [];
  if (server.api_keys_env !== undefined) {
    const found = wordsIn(env[server.api_keys_env] ?? "");
    if (found.length === 0) throw locked(`server.api_keys_env names ${server.api_keys_env}, which is not set or empty`);
    keys.push(...found);
  }
  if (server.api_keys_file !== undefined) {
    const lines = readNamed("server.api_keys_file", server.api_keys_file).toString("utf8").split("\n");
    const found = lines.map((line) => line.replace(/#.*/, "").trim()).filter((line) => line !== "");
    if (found.length === 0) throw locked(`${server.api_keys_file} (server.api_keys_file) holds no key`);
    keys.push(...found);
  }
  // Which one is not said: errors end up in logs.
  if (keys.some((key) => !/^[\x21-\x7e]+$/.test(key))) throw locked("one of the proxy's API keys has blanks or characters beyond ASCII");
  const name = backend.api_key_env;
  return createDoor({ keys, backendKey: name === undefined ? undefined : env[name] || undefined });
}

/** Throws Failure when a file cannot be read, or certificate and key do not belong together. */
export function readListener({ server }: Config): ListenerOptions {
  const { cert, key } = server.tls;
  const limits = { maxConnections: server.max_connections, headerTimeoutMs: server.header_timeout_seconds * 1000 };
  if (cert === undefined && key === undefined) return limits;
  if (cert === undefined || key === undefined) throw locked("server.tls needs both cert and key");
  const tls = { cert: readNamed("server.tls.cert", cert), key: readNamed("server.tls.key", key) };
  try {
    createSecureContext(tls);
  } catch (cause) {
    throw locked(`server.tls.cert and server.tls.key are not a certificate and its key (${messageOf(cause)})`);
  }
  return { ...limits, tls };
}

/** What a person must know who lets other machines in; empty on a loopback address. */
export function bindWarnings(host: string, door: Door, listener: ListenerOptions): string[] {
  if (isLoopback(host.replace(/^\[|\]$/g, ""))) return [];
  if (!door.locked) {
    return [
      `WARNING: listening on ${host} without a key. Whoever reaches this port can use the model and read what it says.`,
      "  Set server.api_keys_file or server.api_keys_env, or listen on 127.0.0.1.",
    ];
  }
  return listener.tls
    ? []
    : [`warning: listening on ${host} without TLS: keys and prompts can be read on the way; server.tls takes a certificate`];
}

function wordsIn(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}

function readNamed(key: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw locked(`${key}: ${messageOf(cause)}`);
  }
}

function locked(message: string): Failure {
  return new Failure(EXIT.usage, message);
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
