import { createServer, type AddressInfo, type Socket } from "node:net";
import { createRequestReader, type ReadRequest } from "./request-reader.ts";
import type { RecordedCall } from "./recorded.ts";

/**
 * A llama-server made of recordings: answers a recorded request with the recorded bytes, head and
 * all, at the recorded times, and then keeps or closes the connection as the real one did.
 */
export interface RecordedLlama extends AsyncDisposable {
  readonly url: URL;
  /** Requests that no recording answers; they got llama-server's 404. */
  readonly unmatched: readonly string[];
}

export interface RecordedLlamaOptions {
  /** 1 plays at the recorded pace, Infinity as fast as the socket takes it. */
  readonly speed: number;
}

const NOT_FOUND_BODY = '{"error":{"message":"File Not Found","type":"not_found_error","code":404}}';
const NOT_FOUND = `HTTP/1.1 404 Not Found\r\nServer: llama.cpp\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${NOT_FOUND_BODY.length}\r\nConnection: close\r\n\r\n${NOT_FOUND_BODY}`;

export async function startRecordedLlama(calls: readonly RecordedCall[], options: RecordedLlamaOptions): Promise<RecordedLlama> {
  const unmatched: string[] = [];
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();

  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
    const reader = createRequestReader((request) => answer(socket, request));
    socket.on("data", (chunk: Buffer) => reader.push(chunk));
  });

  function answer(socket: Socket, request: ReadRequest): void {
    const call =
      calls.find((one) => one.method === request.method && one.path === request.path && one.body.equals(request.body)) ??
      // A GET without a body has nothing but its path to go by.
      calls.find((one) => request.body.length === 0 && one.method === request.method && one.path === request.path);
    if (!call) {
      unmatched.push(`${request.method} ${request.path}`);
      socket.end(NOT_FOUND);
      return;
    }
    play(socket, call, 0, performance.now());
  }

  /** One read after the other; the next timer is set only when its bytes are due. */
  function play(socket: Socket, call: RecordedCall, from: number, begun: number): void {
    for (let i = from; i < call.reads.length; i++) {
      const read = call.reads[i];
      if (!read || socket.destroyed) return;
      const wait = read.t / options.speed - (performance.now() - begun);
      if (wait > 1) {
        const timer = setTimeout(() => {
          timers.delete(timer);
          play(socket, call, i, begun);
        }, wait);
        timers.add(timer);
        return;
      }
      socket.write(read.data);
    }
    if (!call.complete) socket.destroySoon();
    else if (call.endedBy === "server") socket.end();
  }

  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ host: "127.0.0.1", port: 0 }, resolve);
  await promise;

  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    unmatched,
    async [Symbol.asyncDispose]() {
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}
