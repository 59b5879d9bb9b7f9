/**
 * A backend whose every byte is known beforehand: reads requests, asks what to answer, and writes it
 * at the times it is due. Behind the demo's llama-server and `serve-recording` alike.
 */
import { createServer, type AddressInfo, type Socket } from "node:net";
import { createRequestReader, type ReadRequest } from "./request-reader.ts";

/** A reply as it goes over the wire, head and chunk framing included. */
export interface Playback {
  /** In order of time; `atMs` counts from the request's last byte. */
  readonly writes: readonly { readonly atMs: number; readonly bytes: Uint8Array }[];
  /** What becomes of the connection: kept for the next request, closed properly, or cut. */
  readonly end: "keep" | "close" | "cut";
}

export interface PlayingServerOptions {
  readonly host?: string;
  /** 0: any free one. */
  readonly port?: number;
  /** 1 plays at the given pace, Infinity as fast as the socket takes it. */
  readonly speed: number;
  /** Called once per request, in order of arrival. Must not throw. */
  readonly answer: (request: ReadRequest) => Playback;
}

export interface PlayingServer extends AsyncDisposable {
  readonly url: URL;
}

/** Timers are late by about a millisecond: the last stretch is waited for turn by turn. */
const COARSE_MS = 2;
const NEAR_MS = 0.05;

/** Rejects with node's error when the address cannot be had. */
export async function startPlayingServer(options: PlayingServerOptions): Promise<PlayingServer> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
    const reader = createRequestReader((request) => {
      const begun = performance.now();
      void play(socket, options.answer(request), options.speed, begun);
    });
    socket.on("data", (chunk: Buffer) => reader.push(chunk));
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ host: options.host ?? "127.0.0.1", port: options.port ?? 0 }, resolve);
  await promise;
  const { address, port, family } = server.address() as AddressInfo;
  return {
    url: new URL(`http://${family === "IPv6" ? `[${address}]` : address}:${port}`),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

async function play(socket: Socket, { writes, end }: Playback, speed: number, begun: number): Promise<void> {
  for (const { atMs, bytes } of writes) {
    await until(socket, begun + atMs / speed);
    if (socket.destroyed) return;
    // A client that reads slowly holds the backend up, as it does a real one.
    if (!socket.write(bytes)) await drained(socket);
  }
  if (end === "cut") socket.destroySoon();
  else if (end === "close") socket.end();
}

/** Resolves at `due` on the monotonic clock, at once when that has passed, or when the socket closes. */
async function until(socket: Socket, due: number): Promise<void> {
  const wait = due - performance.now();
  if (wait > COARSE_MS) await sleep(socket, wait - COARSE_MS);
  while (due - performance.now() > NEAR_MS && !socket.destroyed) await new Promise<void>((turn) => setImmediate(turn));
}

function sleep(socket: Socket, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    socket.once("close", done);
    function done(): void {
      clearTimeout(timer);
      socket.removeListener("close", done);
      resolve();
    }
  });
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    function done(): void {
      socket.removeListener("drain", done);
      socket.removeListener("close", done);
      resolve();
    }
    socket.once("drain", done).once("close", done);
  });
}
