/** What llama-server, or what stands where it should, can do to an exchange. */
import { gzipSync } from "node:zlib";
import type { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { chatFrame, chatRequest, DONE, HELLO, httpChunk, LAST_CHUNK, sleep, STREAM_HEAD } from "../support/fake-llama.ts";
import { post, survive, WHOLE } from "./arena.ts";

const FRAME = chatFrame({ role: "assistant", content: "Hi" });
const NO_TOOLS = chatRequest({ tools: [] });
const TOOLS = chatRequest({ tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }] });
const HALF = 'data: {"choices":[{"index":0,"del';

const write = (...parts: (string | Buffer)[]) => Buffer.concat(parts.map((part) => Buffer.from(part)));
const begin = (socket: Socket, ...parts: (string | Buffer)[]): void => void socket.write(write(STREAM_HEAD, ...parts));

/** Resolves when there is room for more, or nobody to read it. */
function written(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((done) => socket.write(bytes, () => done()));
}

describe("before a reply", () => {
  test("refuses connections: nothing listens there", async () => {
    const { arena, seen } = await survive({ absent: true, outcomes: ["upstream-refused"] });
    expect(arena.reply.status).toBe(502);
    expect(seen[0]?.ends[0]?.reason).toContain("ECONNREFUSED");
  });

  test("resets every connection", async () => {
    const { arena } = await survive({ onConnection: (socket) => void socket.resetAndDestroy(), outcomes: ["upstream-refused"] });
    expect(arena.reply.status).toBe(502);
  });

  test("closes the connection as soon as it is made", async () => {
    const { arena } = await survive({ onConnection: (socket) => void socket.end(), outcomes: ["upstream-refused"] });
    expect(arena.reply.status).toBe(502);
  });

  test("resets when it has read the request", async () => {
    const { seen } = await survive({ backend: (socket) => void socket.resetAndDestroy(), outcomes: ["upstream-refused"] });
    expect(seen[0]?.ends[0]?.attempts).toBe(1);
  });

  test("stalls before the head", async () => {
    const { arena } = await survive({ backend: () => {}, outcomes: ["upstream-timeout"] });
    expect(arena.reply.status).toBe(504);
  });

  test("stalls in the middle of the head", async () => {
    const { arena } = await survive({
      backend: (socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Ty"),
      outcomes: ["upstream-timeout"],
    });
    expect(arena.reply.status).toBe(504);
  });

  test("dies in the middle of the head", async () => {
    const { arena } = await survive({
      backend: (socket) => void socket.end("HTTP/1.1 200 OK\r\nContent-Ty"),
      outcomes: ["upstream-broke"],
    });
    expect(arena.reply.status).toBe(502);
  });
});

describe("the head", () => {
  test.each<[string, string | Buffer]>([
    ["garbage", Buffer.from([0, 1, 2, 255, 254, 10, 13, 10, 13, 10])],
    ["an HTTP/2 preface", Buffer.from([0, 0, 18, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 128])],
    ["headers past the limit", `HTTP/1.1 200 OK\r\nX-Long: ${"y".repeat(80_000)}\r\n\r\n`],
    ["headers without end", `HTTP/1.1 200 OK\r\n${"X-A: 1\r\n".repeat(20_000)}`],
    ["a content-length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nx"],
    ["two content-lengths that differ", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy"],
    [
      "content-length and chunked together",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    ],
    ["a content-length beyond all numbers", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nx"],
    ["a NUL in a header", "HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n"],
    ["a bare CR in a header", "HTTP/1.1 200 OK\r\nX-A: a\rSet-Cookie: b\r\nContent-Length: 0\r\n\r\n"],
    ["a switch of protocols nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"],
  ])("is %s", async (_what, head) => {
    const { arena, seen } = await survive({ backend: (socket) => void socket.end(head), outcomes: ["upstream-broke"] });
    expect(arena.reply.status).toBe(502);
    expect(seen[0]?.ends[0]?.reason).toBeTruthy();
  });

  test("100 Continue nobody asked for", async () => {
    const backend = (socket: Socket): void =>
      void socket.end(write("HTTP/1.1 100 Continue\r\n\r\n", STREAM_HEAD, httpChunk(DONE), LAST_CHUNK));
    const { arena } = await survive({ backend, outcomes: ["upstream-broke"] });
    expect(arena.reply.status).toBe(502);
  });

  test("a storm of interim answers before the reply: a few pass, the reply comes", async () => {
    const storm = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(5_000);
    const backend = (socket: Socket): void => void socket.end(write(storm, STREAM_HEAD, httpChunk(DONE), LAST_CHUNK));
    const { arena } = await survive({ backend, outcomes: ["completed"] });
    expect(arena.reply).toMatchObject({ text: DONE, complete: true });
  });

  test("a storm of interim answers without end counts as silence", async () => {
    const backend = async (socket: Socket): Promise<void> => {
      while (!socket.destroyed) {
        socket.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
        await sleep(5);
      }
    };
    const { arena } = await survive({ backend, outcomes: ["upstream-timeout"] });
    expect(arena.reply.status).toBe(504);
  });
});

describe("a stream", () => {
  test("stalls in the middle of a frame", async () => {
    const { arena } = await survive({ backend: (socket) => begin(socket, httpChunk(FRAME + HALF)), outcomes: ["upstream-timeout"] });
    expect(arena.reply.text).toMatch(/"type":"upstream_timeout"\}\}\n\n$/);
    expect(arena.reply.complete).toBe(false);
  });

  test.each<[string, (socket: Socket) => void]>([
    ["is closed in the middle of a frame", (socket) => void socket.end(write(STREAM_HEAD, httpChunk(FRAME + HALF)))],
    [
      "is reset in the middle of a frame",
      async (socket) => {
        begin(socket, httpChunk(FRAME + HALF));
        await sleep(20);
        socket.resetAndDestroy();
      },
    ],
    ["ends with half a chunk", (socket) => void socket.end(write(STREAM_HEAD, httpChunk(FRAME), "64\r\nhalf"))],
    ["ends in a chunk's size", (socket) => void socket.end(write(STREAM_HEAD, httpChunk(FRAME), "1"))],
    ["has a chunk size that is no number", (socket) => void socket.end(write(STREAM_HEAD, httpChunk(FRAME), "zz\r\nabc\r\n"))],
    ["has a chunk longer than its size", (socket) => void socket.end(write(STREAM_HEAD, httpChunk(FRAME), "2\r\nabcdef\r\n"))],
    ["has garbage between chunks", (socket) => void socket.end(write(STREAM_HEAD, httpChunk(FRAME), Buffer.from([0, 255, 7, 9])))],
  ])("%s", async (_what, backend) => {
    const { arena } = await survive({ backend, outcomes: ["upstream-broke"] });
    expect(arena.reply.text.startsWith(FRAME)).toBe(true);
    expect(arena.reply.text).toMatch(/"type":"upstream_broke"\}\}\n\n$/);
    expect(arena.reply.complete).toBe(false);
  });

  test("is closed without the last chunk, behind the API's end mark: no error after it", async () => {
    const backend = (socket: Socket): void => void socket.end(write(STREAM_HEAD, httpChunk(HELLO + DONE)));
    const { arena } = await survive({ backend, outcomes: ["upstream-broke"] });
    expect(arena.reply).toMatchObject({ text: HELLO + DONE, complete: false });
  });

  test("has no body", async () => {
    const backend = (socket: Socket): void => void socket.end("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    const { arena } = await survive({ backend, outcomes: ["completed"] });
    expect(arena.reply.status).toBe(200);
  });

  test("has bytes that are no UTF-8: what no fix may touch is as it was", async () => {
    const bad = Buffer.concat([Buffer.from(": "), Buffer.from([0xff, 0xfe, 0xc0]), Buffer.from("\n\n")]);
    const backend = (socket: Socket): void => void socket.end(write(STREAM_HEAD, httpChunk(bad), httpChunk(HELLO + DONE), LAST_CHUNK));
    const { arena } = await survive({ backend, outcomes: ["completed"] });
    expect(arena.reply.text).toBe(bad.toString("latin1") + HELLO + DONE);
  });

  test("is compressed although nobody asked", async () => {
    const zipped = gzipSync(HELLO + DONE);
    const head = STREAM_HEAD.replace("Content-Type", "Content-Encoding: gzip\r\nContent-Type");
    const backend = (socket: Socket): void => void socket.end(write(head, httpChunk(zipped), LAST_CHUNK));
    const { arena, seen } = await survive({ backend, outcomes: ["completed"] });
    expect(arena.reply.text).toBe(zipped.toString("latin1"));
    expect(seen[0]?.ends[0]?.notes.map((note) => note.reason).join()).toContain("compressed");
  });

  test("comes one byte at a time", async () => {
    const bytes = write(STREAM_HEAD, httpChunk(HELLO), httpChunk(DONE), LAST_CHUNK);
    const backend = async (socket: Socket): Promise<void> => {
      for (const byte of bytes) {
        socket.write(Buffer.from([byte]));
        await new Promise(setImmediate);
      }
    };
    const { arena } = await survive({ backend, outcomes: ["completed"] });
    expect(arena.reply).toMatchObject({ text: HELLO + DONE, complete: true });
  });

  test("has a frame of 100 MB: it passes, and is not held", async () => {
    const piece = Buffer.alloc(1024 * 1024, "x");
    const backend = async (socket: Socket): Promise<void> => {
      begin(socket, httpChunk('data: {"choices":[{"index":0,"delta":{"content":"'));
      for (let i = 0; i < 100 && !socket.destroyed; i++) await written(socket, httpChunk(piece));
      socket.end(write(httpChunk(`"}}]}\n\n${DONE}`), LAST_CHUNK));
    };
    let received = 0;
    const { peak } = await survive({
      backend,
      async client(arena) {
        const { socket, closed } = arena.open();
        socket.removeAllListeners("data").on("data", (chunk: Buffer) => {
          received += chunk.length;
          if (chunk.subarray(-5).equals(Buffer.from(LAST_CHUNK))) socket.end();
        });
        socket.write(post("/v1/chat/completions", NO_TOOLS));
        await closed();
      },
      // A frame is held up to its limit, twice while it is joined.
      memory: 80 * 1024 * 1024,
      outcomes: ["completed"],
    });
    expect(received).toBeGreaterThan(100 * 1024 * 1024);
    expect(peak).toBeGreaterThan(0);
  });
});

describe("a stream without end", () => {
  test.each([
    ["fixes read along", TOOLS],
    ["no fix can act", NO_TOOLS],
  ])("is read where %s: each frame reaches the client before the next one is said, and nothing of it is held", async (_who, body) => {
    const count = 1_200;
    // One that comes in one piece, and one in several.
    const said = ["x", "x".repeat(128 * 1024)].map((content) => httpChunk(chatFrame({ content })));
    let arrived = Promise.withResolvers<void>();
    const backend = async (socket: Socket): Promise<void> => {
      begin(socket);
      for (let i = 0; !socket.destroyed; i++) {
        arrived = Promise.withResolvers<void>();
        await written(socket, said[i % 2] ?? Buffer.alloc(0));
        await arrived.promise;
      }
    };
    let frames = 0;
    await survive({
      backend,
      async client(arena) {
        const { socket, closed } = arena.open();
        const enough = Promise.withResolvers<void>();
        let tail = "";
        socket.removeAllListeners("data").on("data", (chunk: Buffer) => {
          tail = (tail + chunk.toString("latin1", Math.max(0, chunk.length - 4))).slice(-4);
          if (tail !== "\n\n\r\n") return;
          frames += 1;
          if (frames === count) enough.resolve();
          else arrived.resolve();
        });
        socket.write(post("/v1/chat/completions", body));
        // A frame that is held is followed by silence, and the sidecar ends that.
        await Promise.race([enough.promise, closed()]);
        expect(frames).toBe(count);
        socket.destroy();
        arena.left();
      },
      leaves: true,
      outcomes: ["client-gone"],
    });
  });
});

describe("a whole reply", () => {
  const json = (length: number, body: string): string =>
    `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`;

  test("is shorter than its content-length", async () => {
    const { arena } = await survive({ backend: (socket) => void socket.end(json(500, '{"choices":[')), outcomes: ["upstream-broke"] });
    expect(arena.reply.status).toBe(502);
  });

  test("is longer than its content-length: what was announced is the reply", async () => {
    const { arena } = await survive({
      backend: (socket) => void socket.end(json(14, '{"choices":[]}HTTP/1.1 200 OK\r\n\r\n')),
      outcomes: ["completed"],
    });
    expect(arena.reply).toMatchObject({ status: 200, text: '{"choices":[]}', complete: true });
  });

  test("stalls", async () => {
    const { arena } = await survive({ backend: (socket) => void socket.write(json(500, '{"choices":[')), outcomes: ["upstream-timeout"] });
    expect(arena.reply.status).toBe(504);
  });

  test("is not JSON", async () => {
    const { arena } = await survive({ backend: (socket) => void socket.end(json(6, "{oops\0")), outcomes: ["completed"] });
    expect(arena.reply.text).toBe("{oops\0");
  });

  test("has a body without end: it passes beyond the limit, and is not held", async () => {
    const piece = Buffer.alloc(256 * 1024, "[");
    const backend = async (socket: Socket): Promise<void> => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n");
      while (!socket.destroyed) await written(socket, piece);
    };
    await survive({
      backend,
      async client(arena) {
        const { socket } = arena.open();
        let received = 0;
        const enough = Promise.withResolvers<void>();
        socket.removeAllListeners("data").on("data", (chunk: Buffer) => {
          received += chunk.length;
          if (received > 60 * 1024 * 1024) enough.resolve();
        });
        socket.write(post("/v1/chat/completions", WHOLE));
        await enough.promise;
        arena.left();
        socket.destroy();
      },
      limits: { replyBytes: 1024 * 1024 },
      leaves: true,
      outcomes: ["client-gone"],
    });
  });
});
