/** Several requests on one connection. */
import { channel } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { DONE, HELLO, httpChunk, jsonReply, LAST_CHUNK, sleep, startFakeLlama, STREAM_HEAD } from "../support/fake-llama.ts";
import { startTestSidecar } from "../support/sidecar.ts";
import { ASK, survive } from "./arena.ts";

const hello = (socket: Socket): void =>
  void socket.end(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(HELLO + DONE), Buffer.from(LAST_CHUNK)]));

describe("several requests on one connection", () => {
  test("sent at once are answered in order", async () => {
    await survive({
      backend: async (socket, request) => {
        // The later one is answered first.
        await sleep(request.path === "/a" ? 60 : 5);
        socket.end(jsonReply(`{"path":"${request.path}"}`));
      },
      async client(arena) {
        const client = arena.open();
        client.socket.write("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\nGET /c HTTP/1.1\r\nHost: x\r\n\r\n");
        await client.until('"/c"');
        expect(client.text().match(/"path":"\/[abc]"/g)).toEqual(['"path":"/a"', '"path":"/b"', '"path":"/c"']);
      },
      outcomes: ["completed", "completed", "completed"],
    });
  });

  test("the second breaks off while the first still streams: the first is whole, the second is cut", async () => {
    await survive({
      backend: async (socket, request) => {
        if (request.path === "/second") {
          socket.end("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf");
          return;
        }
        socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(HELLO)]));
        await sleep(100);
        socket.end(Buffer.concat([httpChunk(DONE), Buffer.from(LAST_CHUNK)]));
      },
      async client(arena) {
        const client = arena.open();
        client.socket.write(`${ASK}GET /second HTTP/1.1\r\nHost: x\r\n\r\n`);
        await client.closed();
        expect(client.text()).toContain(`${DONE}\r\n${LAST_CHUNK}`);
      },
      outcomes: ["completed", "upstream-broke"],
    });
  });

  test("fifty in a row leave no listener behind", async () => {
    await using llama = await startFakeLlama((_request, socket) => hello(socket));
    await using proxy = await startTestSidecar({ backend: llama.url });
    const counts: number[] = [];
    const sockets = new Set<Socket>();
    const look = (message: unknown): void => {
      const { request } = message as { request: IncomingMessage };
      sockets.add(request.socket);
      counts.push(request.socket.eventNames().reduce((sum, name) => sum + request.socket.listenerCount(name), 0));
    };
    channel("http.server.request.start").subscribe(look);
    const client = connect(Number(proxy.url.port), "127.0.0.1");
    let text = "";
    client.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
    for (let i = 1; i <= 50; i++) {
      client.write(ASK);
      while (text.split(`\r\n${LAST_CHUNK}`).length <= i) await sleep(2);
    }
    channel("http.server.request.start").unsubscribe(look);
    expect(sockets.size).toBe(1);
    expect(counts).toHaveLength(50);
    // The first has no exchange before it, and so not yet the one listener a connection gets.
    expect(new Set(counts.slice(1)).size).toBe(1);
    client.destroy();
  });
});
