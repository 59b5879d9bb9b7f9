import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ExchangeStart } from "../core/exchange.ts";
import { Roster, type Place } from "../core/roster.ts";
import { clientOf, sessionOf } from "./client.ts";
import { isPublic } from "./door.ts";
import { faultOf } from "./faulty.ts";
import { createIds } from "./ids.ts";
import { createListener, type ListenerOptions } from "./listener.ts";
import { ownRouteRefusal } from "./own-guard.ts";
import { answerOwn } from "./own-routes.ts";
import type { SidecarParts } from "./parts.ts";
import { answerRefusal, KEY_MISSING } from "./refusals.ts";
import { relay, type RunningExchange } from "./relay.ts";
import { finish } from "./later.ts";
import { OWN_PREFIX, pathOf, routeOf, type Route } from "./routes.ts";

export interface Sidecar extends AsyncDisposable {
  /** Rejects with node's error (EADDRINUSE, EACCES …). */
  listen(host: string, port: number): Promise<URL>;
  /**
   * Requests that come from now on run on these parts; those in flight keep theirs. Resolves when the
   * last of them is over, so that what the old parts hold can be let go. Throws, and changes nothing,
   * when the certificate cannot be used.
   */
  use(next: SidecarParts, listener?: ListenerOptions): Promise<void>;
  /** Stops accepting, waits up to `graceMs` for what is in flight, then ends the rest with outcome `shutdown`. */
  drain(graceMs: number): Promise<void>;
  readonly inFlight: number;
}

/** The kernel's queue of connections not yet accepted; node's default of 511 is short of a thousand clients at once. */
const BACKLOG = 4096;

interface Running {
  readonly exchange: RunningExchange;
  readonly parts: SidecarParts;
}

export function createSidecar(first: SidecarParts, listenerOptions: ListenerOptions = {}): Sidecar {
  let parts = first;
  const ids = createIds(() => parts.clock.wallMs());
  const inFlight = new Roster<Running>();
  /** Told at each end until it says that nothing more is in flight for it. */
  const waiting = new Set<() => void>();
  const counts = { total: 0, keyless: 0 };
  const startedAt = parts.clock.wallMs();
  let draining = false;

  const listener = createListener(listenerOptions, handle);
  const { server } = listener;

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const target = request.url ?? "/";
    const method = request.method ?? "GET";
    if (draining) response.shouldKeepAlive = false;
    const fault = faultOf(request);
    if (fault) {
      response.shouldKeepAlive = false;
      answerRefusal(request, response, undefined, fault);
      return;
    }
    if (target.startsWith(OWN_PREFIX)) {
      // Who asks for numbers gets those of everything that is over.
      finish();
      answerOwn({ ...parts, status, backend: parts.upstream.origin, refusal: ownRouteRefusal(request, parts.door) }, request, response);
      return;
    }
    const route = routeOf(method, target);
    if (parts.door.locked && !isPublic(method, pathOf(target)) && !parts.door.holdsKey(request.rawHeaders)) {
      counts.keyless += 1;
      answerRefusal(request, response, route.dialect, KEY_MISSING);
      return;
    }
    begin(request, response, route, method, target);
  }

  function begin(request: IncomingMessage, response: ServerResponse, route: Route, method: string, target: string): void {
    // Read together, this one first: a stall in between may make an exchange longer, but never shorter than what it did.
    const begun = parts.clock.monoMs();
    const at = parts.clock.wallMs();
    const start: ExchangeStart = {
      id: ids(),
      at,
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
    let inSidecar: Place<Running> | undefined;
    let onSocket: Place<RunningExchange> | undefined;
    const exchange = relay(parts, request, response, route, start, begun, () => {
      over = true;
      if (inSidecar) inFlight.delete(inSidecar);
      if (onSocket) listener.exchangeOver(request.socket, onSocket);
      for (const check of waiting) check();
      // A connection that has just become idle would otherwise keep the server open.
      if (draining) setImmediate(() => server.closeIdleConnections());
    });
    // undici refuses some requests before `relay` returns.
    if (over) return;
    inSidecar = inFlight.add({ exchange, parts });
    onSocket = listener.exchangeBegun(request.socket, exchange);
  }

  function status(): Record<string, unknown> {
    return {
      uptime_seconds: Math.round((parts.clock.wallMs() - startedAt) / 1000),
      backend: parts.upstream.origin.origin,
      draining,
      in_flight: inFlight.size,
      exchanges_total: counts.total,
      refused: { without_key: counts.keyless, above_max_connections: listener.dropped },
      ...parts.status(),
    };
  }

  /** Resolves when no exchange in flight is one of `those`, or the signal says to stop waiting. */
  async function untilOver(those: (running: Running) => boolean, waitMs?: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const check = (): void => {
      if (!inFlight.members().some(those)) resolve();
    };
    waiting.add(check);
    check();
    const timer = waitMs === undefined ? undefined : setTimeout(resolve, waitMs);
    await promise;
    clearTimeout(timer);
    waiting.delete(check);
    finish();
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
      const name = address.family === "IPv6" ? `[${address.address}]` : address.address;
      return new URL(`${listener.protocol}//${name}:${address.port}`);
    },
    use(next, options = {}) {
      listener.apply(options);
      const before = parts;
      parts = next;
      return untilOver((running) => running.parts === before);
    },
    async drain(graceMs) {
      draining = true;
      server.close();
      if (inFlight.size > 0) {
        await untilOver(() => true, graceMs);
        for (const { exchange } of inFlight.members()) exchange.shutdown();
        // Let the last words reach the sockets before those are closed.
        await new Promise((done) => setTimeout(done, 50));
      }
      server.closeAllConnections();
      finish();
    },
    async [Symbol.asyncDispose]() {
      if (!draining) await this.drain(0);
    },
  };
}
