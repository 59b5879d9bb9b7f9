import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ExchangeStart } from "../core/exchange.ts";
import { clientOf, sessionOf } from "./client.ts";
import { createIds } from "./ids.ts";
import { answerOwn } from "./own-routes.ts";
import { relay, type RelayParts, type RunningExchange } from "./relay.ts";
import { OWN_PREFIX, routeOf } from "./routes.ts";

export interface SidecarParts extends RelayParts {
  /** What the recorder, telemetry and others add to `/_llama-proxy/status`. */
  readonly status: () => Record<string, unknown>;
  /** Prometheus text for `/_llama-proxy/metrics`; without it the route is off. */
  readonly metrics?: (() => Promise<string | undefined>) | undefined;
}

export interface Sidecar extends AsyncDisposable {
  /** Rejects with node's error (EADDRINUSE, EACCES …). */
  listen(host: string, port: number): Promise<URL>;
  /** Stops accepting, waits up to `graceMs` for what is in flight, then ends the rest with outcome `shutdown`. */
  drain(graceMs: number): Promise<void>;
  readonly inFlight: number;
}

/** The kernel's queue of connections not yet accepted; node's default of 511 is short of a thousand clients at once. */
const BACKLOG = 4096;

export function createSidecar(parts: SidecarParts): Sidecar {
  const ids = createIds(() => parts.clock.wallMs());
  const inFlight = new Map<string, RunningExchange>();
  const counts = { total: 0 };
  const startedAt = parts.clock.wallMs();
  let draining = false;
  let onIdle: (() => void) | undefined;

  const server = createServer(
    {
      // A slow upload and a long generation are the client's and the backend's affair.
      requestTimeout: 0,
      headersTimeout: 60_000,
      keepAliveTimeout: 75_000,
      maxHeaderSize: 64 * 1024,
      noDelay: true,
      // llama-server decides what it accepts without a Host field.
      requireHostHeader: false,
    },
    handle,
  );
  server.timeout = 0;
  server.on("connect", (_request, socket) => {
    socket.end("HTTP/1.1 501 Not Implemented\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  });

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const target = request.url ?? "/";
    if (draining) response.shouldKeepAlive = false;
    if (target.startsWith(OWN_PREFIX)) {
      answerOwn({ status, backend: parts.upstream.origin, metrics: parts.metrics }, request, response);
      return;
    }
    const method = request.method ?? "GET";
    const route = routeOf(method, target);
    const start: ExchangeStart = {
      id: ids(),
      at: parts.clock.wallMs(),
      method,
      path: target,
      route: route.template,
      httpVersion: request.httpVersion,
      headers: request.rawHeaders,
      dialect: route.dialect?.name,
      peer: { address: request.socket.remoteAddress, port: request.socket.remotePort },
      client: clientOf(request.rawHeaders),
      session: sessionOf(request.rawHeaders),
    };
    counts.total += 1;
    let over = false;
    const exchange = relay(parts, request, response, route, start, () => {
      over = true;
      inFlight.delete(start.id);
      if (!draining) return;
      if (inFlight.size === 0) onIdle?.();
      // A connection that has just become idle would otherwise keep the server open.
      setImmediate(() => server.closeIdleConnections());
    });
    // undici refuses some requests before `relay` returns.
    if (!over) inFlight.set(start.id, exchange);
  }

  function status(): Record<string, unknown> {
    return {
      uptime_seconds: Math.round((parts.clock.wallMs() - startedAt) / 1000),
      backend: parts.upstream.origin.origin,
      draining,
      in_flight: inFlight.size,
      exchanges_total: counts.total,
      ...parts.status(),
    };
  }

  return {
    get inFlight() {
      return inFlight.size;
    },
    async listen(host, port) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      server.once("error", reject);
      server.listen({ host, port, backlog: BACKLOG }, resolve);
      await promise;
      server.off("error", reject);
      const address = server.address() as AddressInfo;
      return new URL(`http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`);
    },
    async drain(graceMs) {
      draining = true;
      server.close();
      if (inFlight.size > 0) {
        const { promise, resolve } = Promise.withResolvers<void>();
        onIdle = resolve;
        const grace = setTimeout(resolve, graceMs);
        await promise;
        clearTimeout(grace);
        for (const exchange of inFlight.values()) exchange.shutdown();
        // Let the last words reach the sockets before those are closed.
        await new Promise((done) => setTimeout(done, 50));
      }
      server.closeAllConnections();
    },
    async [Symbol.asyncDispose]() {
      if (!draining) await this.drain(0);
    },
  };
}
