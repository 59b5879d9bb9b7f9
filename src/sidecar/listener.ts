/** The server's side of the port: plain or TLS, its limits, and what a connection that closes takes with it. */
import { createServer as createPlain, type RequestListener, type Server, type ServerOptions } from "node:http";
import { createServer as createSecure, type Server as SecureServer } from "node:https";
import type { Socket } from "node:net";
import { Roster, type Place } from "../core/roster.ts";
import type { RunningExchange } from "./relay.ts";

export interface ListenerOptions {
  /** PEM texts; without them the port speaks plain HTTP. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  /** Connections above this are closed as they come; 0 or undefined: no limit. */
  readonly maxConnections?: number | undefined;
  /** How long a client may take to send a request's head. */
  readonly headerTimeoutMs?: number | undefined;
}

export interface Listener {
  readonly server: Server;
  readonly protocol: "http:" | "https:";
  /** Connections that were closed because there were too many. */
  readonly dropped: number;
  /** The limits and the certificate anew; plain and TLS cannot be exchanged. Throws when the certificate cannot be used. */
  apply(options: ListenerOptions): void;
  exchangeBegun(socket: Socket, exchange: RunningExchange): Place<RunningExchange>;
  exchangeOver(socket: Socket, place: Place<RunningExchange>): void;
}

const HEADER_TIMEOUT_MS = 60_000;
/** A machine that vanished without a word is noticed by the kernel's probes, not by waiting for it. */
const KEEP_ALIVE_PROBE_MS = 30_000;

export function createListener(options: ListenerOptions, handle: RequestListener): Listener {
  const serverOptions: ServerOptions = {
    // A slow upload and a long generation are the client's and the backend's affair.
    requestTimeout: 0,
    keepAliveTimeout: 75_000,
    connectionsCheckingInterval: Math.min(30_000, (options.headerTimeoutMs ?? HEADER_TIMEOUT_MS) / 2),
    maxHeaderSize: 64 * 1024,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS,
    // llama-server decides what it accepts without a Host field.
    requireHostHeader: false,
  };
  const secure: SecureServer | undefined = options.tls && createSecure({ ...serverOptions, ...options.tls }, handle);
  const server: Server = secure ?? createPlain(serverOptions, handle);
  /** Weak for the reason that a roster is none of V8's sets. */
  const running = new WeakMap<Socket, Roster<RunningExchange>>();
  let dropped = 0;

  server.timeout = 0;
  server.on("drop", () => (dropped += 1));
  server.on("connect", (_request, socket) => {
    // Node hands the socket over bare: nobody else hears its errors.
    socket.on("error", () => socket.destroy());
    socket.end("HTTP/1.1 501 Not Implemented\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", () => socket.destroy());
  });

  function applyLimits({ maxConnections, headerTimeoutMs }: ListenerOptions): void {
    server.maxConnections = maxConnections || Number.MAX_SAFE_INTEGER;
    server.headersTimeout = headerTimeoutMs ?? HEADER_TIMEOUT_MS;
  }
  applyLimits(options);

  return {
    server,
    protocol: secure ? "https:" : "http:",
    get dropped() {
      return dropped;
    },
    apply(next) {
      if (secure && next.tls) secure.setSecureContext(next.tls);
      applyLimits(next);
    },
    exchangeBegun(socket, exchange) {
      const known = running.get(socket);
      if (known) return known.add(exchange);
      const exchanges = new Roster<RunningExchange>();
      running.set(socket, exchanges);
      // A pipelined request's response has no socket until its turn, and so no `close` of its own.
      socket.once("close", () => {
        for (const one of exchanges.members()) one.clientGone();
      });
      return exchanges.add(exchange);
    },
    exchangeOver(socket, place) {
      running.get(socket)?.delete(place);
    },
  };
}
