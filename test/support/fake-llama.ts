import { createServer, type AddressInfo, type Socket } from "node:net";
import { createRequestReader, type ReadRequest } from "../../src/demo/request-reader.ts";

/**
 * A scriptable llama-server on a real socket: every byte of its replies is the script's. It stands
 * in for what recordings cannot show: refusals, stalls, deaths, odd heads.
 */
export interface FakeLlama extends AsyncDisposable {
  readonly url: URL;
  /** Requests that came, in order, `/props` left out. */
  readonly requests: ReadRequest[];
  /** Connections accepted since the start. */
  readonly connections: number;
  /** Connections open now. */
  readonly open: number;
}

export type Script = (request: ReadRequest, socket: Socket, count: number) => void | Promise<void>;

const PROPS = '{"default_generation_settings":{"n_ctx":8192},"total_slots":1}';

export async function startFakeLlama(
  script: Script,
  options: { readonly props?: boolean; readonly port?: number } = {},
): Promise<FakeLlama> {
  const requests: ReadRequest[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    const reader = createRequestReader((request) => {
      if (request.path === "/props" && options.props !== false) {
        socket.end(jsonReply(PROPS));
        return;
      }
      requests.push(request);
      void script(request, socket, requests.length);
    });
    socket.on("data", (chunk: Buffer) => reader.push(chunk));
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ host: "127.0.0.1", port: options.port ?? 0 }, resolve);
  await promise;
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    requests,
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

/** Heads in llama-server's own form. */
export const STREAM_HEAD =
  "HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nAccess-Control-Allow-Origin: \r\nX-Accel-Buffering: no\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nKeep-Alive: timeout=5, max=100\r\n\r\n";

export function jsonReply(body: string, status = "200 OK", extra = ""): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([
    Buffer.from(
      `HTTP/1.1 ${status}\r\nServer: llama.cpp\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${bytes.length}\r\n${extra}Keep-Alive: timeout=5, max=100\r\n\r\n`,
      "latin1",
    ),
    bytes,
  ]);
}

export function httpChunk(text: string | Uint8Array): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
}

export const LAST_CHUNK = "0\r\n\r\n";

export function chatFrame(delta: unknown, finish: string | null = null, extra: Record<string, unknown> = {}): string {
  return `data: ${JSON.stringify({ choices: [{ finish_reason: finish, index: 0, delta }], created: 1, id: "chatcmpl-1", model: "m", object: "chat.completion.chunk", ...extra })}\n\n`;
}

/** A whole chat stream as llama-server sends it: role, one piece of text, finish; without the end mark. */
export const HELLO = chatFrame({ role: "assistant", content: null }) + chatFrame({ content: "Hi" }) + chatFrame({}, "stop");

export const DONE = "data: [DONE]\n\n";

export const chatRequest = (extra: Record<string, unknown> = {}): string =>
  JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: "hi" }], ...extra });

export const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
