/** What a client, or what is left of it, can do to an exchange. */
import type { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { chatFrame, DONE, HELLO, httpChunk, jsonReply, LAST_CHUNK, sleep, STREAM_HEAD } from "../support/fake-llama.ts";
import { ASK, type Client, replyOf, survive, WHOLE } from "./arena.ts";

const FRAME = chatFrame({ role: "assistant", content: "Hi" });
const stalled = (socket: Socket): void => void socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(FRAME)]));
/** The ways to leave: politely, with a reset, or by closing the sending side only. */
const LEAVING: readonly [string, (client: Client) => void][] = [
  ["closes", ({ socket }) => void socket.destroy()],
  ["resets", ({ socket }) => void socket.resetAndDestroy()],
  ["half-closes", ({ socket }) => void socket.end()],
];

describe.each(LEAVING)("%s", (_how, leave) => {
  test("in the middle of its head: that never was a request", async () => {
    await survive({
      async client(arena) {
        const client = arena.open();
        client.socket.write("POST /v1/chat/completions HTTP/1.1\r\nHos");
        await sleep(30);
        leave(client);
        await client.closed();
      },
      outcomes: [],
    });
  });

  test.each([
    ["a route that is understood", "/v1/chat/completions", 0],
    ["a route that is passed through", "/upload", 1],
  ])("in the middle of its body, on %s", async (_what, path) => {
    await survive({
      async client(arena) {
        const client = arena.open();
        client.socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc`);
        await sleep(30);
        leave(client);
        arena.left();
        await client.closed();
      },
      leaves: true,
      outcomes: ["client-gone"],
    });
  });

  test.each<[string, (socket: Socket) => void, string]>([
    ["before the reply's head", () => {}, ""],
    ["in the middle of the reply's head", (socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Ty"), ""],
    ["behind the reply's head", (socket) => void socket.write(STREAM_HEAD), "\r\n\r\n"],
    ["in the stream", stalled, "Hi"],
    ["in a frame", (socket) => void socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(FRAME + "data: {")])), "Hi"],
  ])("%s", async (_when, backend, until) => {
    await survive({
      backend,
      async client(arena) {
        const client = arena.open();
        client.socket.write(ASK);
        await arena.asked();
        await client.until(until);
        await sleep(20);
        leave(client);
        arena.left();
        await client.closed();
      },
      leaves: true,
      outcomes: ["client-gone"],
    });
  });

  test("with three requests on one connection, none of them answered: all are let go at once", async () => {
    await survive({
      backend: () => {},
      async client(arena) {
        const client = arena.open();
        client.socket.write(ASK + ASK + ASK);
        await arena.asked(3);
        await sleep(20);
        leave(client);
        arena.left();
        await client.closed();
      },
      leaves: true,
      outcomes: ["client-gone", "client-gone", "client-gone"],
    });
  });
});

describe("slowness", () => {
  test("a reply is read a byte at a time: it comes whole", async () => {
    const bytes = HELLO.repeat(3) + DONE;
    await survive({
      backend: (socket) => void socket.end(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(bytes), Buffer.from(LAST_CHUNK)])),
      async client(arena) {
        const { socket } = arena.open();
        socket.removeAllListeners("data").pause();
        socket.write(ASK);
        let text = "";
        for (let i = 0; i < 5_000 && !text.endsWith(LAST_CHUNK); i++) {
          const byte = socket.read(1) as Buffer | null;
          if (byte) text += byte.toString("latin1");
          else await sleep(2);
        }
        expect(text.endsWith(`${DONE}\r\n${LAST_CHUNK}`)).toBe(true);
        socket.destroy();
      },
      outcomes: ["completed"],
    });
  });

  test("nothing of a large reply is read: the backend is held back, the timeout does not run, leaving frees it", async () => {
    const frame = httpChunk(chatFrame({ content: "x".repeat(64 * 1024) }));
    let written = 0;
    await survive({
      backend: async (socket) => {
        socket.write(STREAM_HEAD);
        while (!socket.destroyed && written < 200 * 1024 * 1024) {
          written += frame.length;
          await new Promise<void>((done) => socket.write(frame, () => done()));
        }
      },
      async client(arena) {
        const { socket } = arena.open();
        socket.removeAllListeners("data").pause();
        socket.write(ASK);
        // Longer than the timeout.
        await sleep(1_000);
        socket.resetAndDestroy();
        arena.left();
      },
      limits: { timeoutMs: 400 },
      leaves: true,
      outcomes: ["client-gone"],
    });
    expect(written).toBeLessThan(32 * 1024 * 1024);
  });

  test.each([
    ["understood", "/v1/chat/completions"],
    ["passed through", "/upload"],
  ])("a body comes a byte at a time, on a route that is %s", async (_what, path) => {
    await survive({
      backend: (socket) => void socket.end(jsonReply('{"choices":[]}')),
      async client(arena) {
        const client = arena.open();
        client.socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${WHOLE.length}\r\nConnection: close\r\n\r\n`);
        for (const byte of WHOLE) {
          client.socket.write(byte);
          await sleep(6);
        }
        await client.closed();
        expect(replyOf(client)).toEqual({ status: 200, body: '{"choices":[]}', complete: true });
        expect(arena.requests[0]?.body.toString()).toBe(WHOLE);
      },
      outcomes: ["completed"],
    });
  });

  test("a large body whose end never comes: freed when the client leaves", async () => {
    const begun = Buffer.alloc(10 * 1024 * 1024);
    let received = 0;
    const arrived = Promise.withResolvers<void>();
    await survive({
      onConnection: (socket) =>
        void socket.on("data", (chunk: Buffer) => {
          received += chunk.length;
          if (received > begun.length) arrived.resolve();
        }),
      async client(arena) {
        const client = arena.open();
        client.socket.write(`POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n`);
        client.socket.write(begun);
        // A departure is seen behind the bytes before it, so these have to be through.
        await arrived.promise;
        client.socket.destroy();
        arena.left();
      },
      leaves: true,
      outcomes: ["client-gone"],
    });
  });
});

describe("what is no request", () => {
  test.each([
    ["garbage behind a request that still runs", `${ASK}\0\0garbage\r\n\r\n`, ["client-gone"]],
    [
      "a chunk size that is no number, in the body",
      `POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n`,
      ["client-gone"],
    ],
    ["a TLS handshake", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", []],
  ] as const)("%s", async (_what, bytes, outcomes) => {
    await survive({
      backend: () => {},
      async client(arena) {
        const client = arena.open();
        client.socket.write(Buffer.from(bytes, "latin1"));
        await client.closed();
        arena.left();
      },
      leaves: outcomes.length > 0,
      outcomes: [...outcomes],
    });
  });

  test("CONNECT, and a reset before its refusal is read", async () => {
    await survive({
      async client(arena) {
        const polite = arena.open();
        polite.socket.write("CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n");
        await polite.closed();
        expect(polite.text()).toMatch(/^HTTP\/1\.1 501 /);
        for (let i = 0; i < 20; i++) {
          const rude = arena.open();
          rude.socket.write("CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\nmore");
          await sleep(i % 3);
          rude.socket.resetAndDestroy();
        }
        await sleep(20);
      },
      outcomes: [],
    });
  });
});
