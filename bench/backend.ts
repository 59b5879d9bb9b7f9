/**
 * The paced llama-server of the benchmark, a process of its own. No HTTP library: requests are cut at
 * their blank line and counted by length, replies are bytes made beforehand. One timer paces all
 * streams, each at its own phase, so that their frames come one by one and not in step.
 *
 * Speaks over IPC: takes a Script, answers with its port or "ready".
 */
import { createServer, type Socket } from "node:net";
import { JSON_REPLY, STREAM_HEAD, streamBytes, type Script, type StreamBytes } from "./frames.ts";

interface Playing {
  readonly socket: Socket;
  /** `performance.now()` of its next write. */
  due: number;
  next: number;
}

let script: Script = { frames: 10, frameBytes: 240, paceMs: 10, burst: 1, prefillMs: 0 };
let bytes: StreamBytes = streamBytes(script);
const playing = new Set<Playing>();
let begun = 0;

function tick(): void {
  const now = performance.now();
  for (const stream of playing) {
    if (stream.socket.destroyed) playing.delete(stream);
    else while (stream.due <= now && playing.has(stream)) advance(stream);
  }
}

function advance(stream: Playing): void {
  const write = bytes.writes[stream.next];
  stream.next += 1;
  stream.due += script.paceMs * script.burst;
  if (write) {
    if (!stream.socket.write(write) && script.paceMs === 0) {
      playing.delete(stream);
      stream.socket.once("drain", () => playing.add(stream));
    }
    return;
  }
  playing.delete(stream);
  // As llama-server does: the connection is closed right behind a stream, without having said so.
  stream.socket.end(bytes.tail);
}

setInterval(tick, 1);

function answerStream(socket: Socket): void {
  socket.write(STREAM_HEAD);
  begun += 1;
  // The golden ratio spreads any number of streams evenly over a frame's time.
  const phase = script.prefillMs > 0 ? ((begun * 0.618_034) % 1) * script.paceMs : 0;
  const stream = { socket, due: performance.now() + script.prefillMs + phase, next: 0 };
  if (script.prefillMs === 0) advance(stream);
  playing.add(stream);
}

/** A body of any length, from one block: what a download through the proxy costs. */
function answerBlob(socket: Socket, length: number): void {
  const block = Buffer.alloc(1 << 20, 120);
  let left = length;
  socket.write(`HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${length}\r\n\r\n`);
  function more(): void {
    while (left > 0) {
      const take = Math.min(left, block.length);
      left -= take;
      if (!socket.write(take === block.length ? block : block.subarray(0, take))) {
        socket.once("drain", more);
        return;
      }
    }
    socket.end();
  }
  more();
}

function answer(socket: Socket, head: string, body: Buffer): void {
  const target = head.split(" ", 2)[1] ?? "/";
  if (target.startsWith("/blob/")) answerBlob(socket, Number(target.slice(6)));
  else if (target.startsWith("/props")) {
    const text = '{"default_generation_settings":{"n_ctx":8192}}';
    socket.write(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
  } else if (
    /"stream"\s*:\s*true/.test(body.subarray(0, 64).toString()) ||
    body
      .subarray(-512)
      .toString()
      .match(/"stream"\s*:\s*true/)
  ) {
    answerStream(socket);
  } else socket.write(JSON_REPLY);
}

const server = createServer((socket) => {
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  let parts: Buffer[] = [];
  let size = 0;
  let head: string | undefined;
  let needed = 0;
  socket.on("data", (chunk: Buffer) => {
    parts.push(chunk);
    size += chunk.length;
    if (head === undefined) {
      const all = Buffer.concat(parts, size);
      parts = [all];
      const end = all.indexOf("\r\n\r\n");
      if (end < 0) return;
      head = all.toString("latin1", 0, end);
      const length = /^content-length:\s*(\d+)/im.exec(head);
      // -1: chunked, read up to the last chunk's mark.
      needed = length ? end + 4 + Number(length[1]) : /^transfer-encoding:/im.test(head) ? -1 : end + 4;
      if (/^expect:/im.test(head)) socket.write("HTTP/1.1 100 Continue\r\n\r\n");
    }
    if (needed < 0 ? !chunk.subarray(-5).equals(LAST_CHUNK) : size < needed) return;
    const whole = Buffer.concat(parts, size);
    const was = head;
    parts = [];
    size = 0;
    head = undefined;
    answer(socket, was, whole.subarray(was.length + 4));
  });
});
const LAST_CHUNK = Buffer.from("0\r\n\r\n");

server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
  const address = server.address();
  process.send?.({ port: typeof address === "object" ? address?.port : undefined });
});
process.on("message", (next: Script) => {
  script = next;
  bytes = streamBytes(next);
  begun = 0;
  process.send?.("ready");
});
process.on("disconnect", () => process.exit());
