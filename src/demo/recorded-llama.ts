import { startPlayingServer, type Playback } from "./playing-server.ts";
import type { RecordedCall } from "./recorded.ts";
import type { ReadRequest } from "./request-reader.ts";

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
const NOT_FOUND = Buffer.from(
  `HTTP/1.1 404 Not Found\r\nServer: llama.cpp\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${NOT_FOUND_BODY.length}\r\nConnection: close\r\n\r\n${NOT_FOUND_BODY}`,
);

export async function startRecordedLlama(calls: readonly RecordedCall[], options: RecordedLlamaOptions): Promise<RecordedLlama> {
  const unmatched: string[] = [];

  function answer(request: ReadRequest): Playback {
    const call =
      calls.find((one) => one.method === request.method && one.path === request.path && one.body.equals(request.body)) ??
      // A GET without a body has nothing but its path to go by.
      calls.find((one) => request.body.length === 0 && one.method === request.method && one.path === request.path);
    if (!call) {
      unmatched.push(`${request.method} ${request.path}`);
      return { writes: [{ atMs: 0, bytes: NOT_FOUND }], end: "close" };
    }
    const end = !call.complete ? "cut" : call.endedBy === "server" ? "close" : "keep";
    return { writes: call.reads.map(({ t, data }) => ({ atMs: t, bytes: data })), end };
  }

  const server = await startPlayingServer({ speed: options.speed, answer });
  return { url: server.url, unmatched, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}
