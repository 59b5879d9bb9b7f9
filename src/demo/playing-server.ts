/**
 * A backend whose every byte is known beforehand: reads requests, asks what to answer, and writes it
 * at the times it is due. Behind the demo's llama-server and `serve-recording` alike.
 */
import { createServer, type AddressInfo, type Socket } from "node:net";
import { createRequestReader, type ReadRequest } from "./request-reader.ts";
import { createSchedule, type Schedule } from "./schedule.ts";

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

/** Rejects with node's error when the address cannot be had. */
export async function startPlayingServer(options: PlayingServerOptions): Promise<PlayingServer> {
  const sockets = new Set<Socket>();
  const schedule = createSchedule();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
    const reader = createRequestReader((request) => {
      const begun = performance.now();
      play(socket, options.answer(request), schedule, (atMs) => begun + atMs / options.speed);
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

function play(socket: Socket, { writes, end }: Playback, schedule: Schedule, dueOf: (atMs: number) => number): void {
  let next = 0;
  let takeBack: (() => void) | undefined;
  const closed = () => takeBack?.();
  socket.once("close", closed);

  /** Writes what is due; a client that reads slowly holds the backend up, as it does a real one. */
  function go(): void {
    for (let write = writes[next]; write; write = writes[next]) {
      if (socket.destroyed) return;
      const due = dueOf(write.atMs);
      if (due > performance.now()) {
        takeBack = schedule.at(due, go);
        return;
      }
      next += 1;
      if (socket.write(write.bytes)) continue;
      socket.once("drain", go);
      return;
    }
    socket.removeListener("close", closed);
    if (end === "cut") socket.destroySoon();
    else if (end === "close") socket.end();
  }

  go();
}
