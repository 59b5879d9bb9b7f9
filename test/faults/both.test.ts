/** The backend and the client fail together, or in every combination. */
import { connect, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import {
  chatFrame,
  chatRequest,
  DONE,
  httpChunk,
  jsonReply,
  LAST_CHUNK,
  sleep,
  startFakeLlama,
  STREAM_HEAD,
} from "../support/fake-llama.ts";
import { createRandom } from "../support/random.ts";
import { startTestSidecar } from "../support/sidecar.ts";
import { ASK, CHAT, leftovers, post, resources, survive } from "./arena.ts";

const FRAME = chatFrame({ role: "assistant", content: "Hi" });
const stalled = (socket: Socket): void => void socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(FRAME)]));

describe("both at once", () => {
  test("the backend dies as the client leaves", async () => {
    for (const backendFirst of [true, false]) {
      let upstream: Socket | undefined;
      await survive({
        backend: (socket) => {
          upstream = socket;
          stalled(socket);
        },
        async client(arena) {
          const client = arena.open();
          client.socket.write(ASK);
          await client.until("Hi");
          if (backendFirst) upstream?.resetAndDestroy();
          client.socket.resetAndDestroy();
          upstream?.resetAndDestroy();
        },
        outcomes: ["client-gone"],
        either: ["client-gone", "upstream-broke"],
      });
    }
  });

  test("the backend resets while it is held back by a client that does not read", async () => {
    let upstream: Socket | undefined;
    await survive({
      backend: async (socket) => {
        upstream = socket;
        socket.write(STREAM_HEAD);
        const frame = httpChunk(chatFrame({ content: "x".repeat(64 * 1024) }));
        for (let i = 0; i < 300 && !socket.destroyed; i++) socket.write(frame);
      },
      async client(arena) {
        const { socket } = arena.open();
        socket.removeAllListeners("data").pause();
        socket.write(ASK);
        await sleep(200);
        upstream?.resetAndDestroy();
        await sleep(100);
        socket.resume();
        await new Promise((done) => socket.once("close", done));
      },
      memory: 96 * 1024 * 1024,
      outcomes: ["upstream-broke"],
    });
  });

  test("three hundred exchanges in which either end does anything: one end each, nothing left", async () => {
    // The same chaos in every run.
    const random = createRandom(7);
    const pick = (n: number): number => Math.floor(random() * n);
    const count = 300;
    const backend = async (socket: Socket): Promise<void> => {
      const what = pick(8);
      if (what === 0) return void socket.resetAndDestroy();
      if (what === 1) return;
      if (what === 2) return void socket.end("garbage\r\n\r\n");
      if (what === 3) return void socket.end(jsonReply('{"choices":[]}'));
      stalled(socket);
      await sleep(pick(40));
      if (what === 4) socket.destroy();
      else if (what === 5) socket.write(httpChunk(": \n\n"));
      else socket.end(Buffer.concat([httpChunk(DONE), Buffer.from(LAST_CHUNK)]));
    };
    const tally = new Map<string, number>();
    await using llama = await startFakeLlama((_request, socket) => backend(socket));
    await using proxy = await startTestSidecar({ backend: llama.url, limits: { timeoutMs: 300 }, keepBytes: false });
    await Promise.all(
      Array.from({ length: count }, async (_, i) => {
        await sleep((i % 30) * 10);
        const socket = connect(Number(proxy.url.port), "127.0.0.1");
        socket.on("error", () => {}).resume();
        socket.write(post("/v1/chat/completions", i % 2 === 0 ? CHAT : chatRequest({ stream: false })));
        const patience = pick(3) === 0 ? pick(60) : 1_500;
        await Promise.race([sleep(patience), new Promise((done) => socket.once("close", done))]);
        if (pick(2) === 0) socket.resetAndDestroy();
        else socket.destroy();
      }),
    );
    const seen = await proxy.ended(proxy.seen.length);
    for (const one of seen) {
      expect(one.ends).toHaveLength(1);
      const outcome = one.ends[0]?.outcome ?? "";
      tally.set(outcome, (tally.get(outcome) ?? 0) + 1);
    }
    expect(proxy.sidecar.inFlight).toBe(0);
    expect(tally.get("internal")).toBeUndefined();
    expect([...tally.keys()].sort()).toEqual(expect.arrayContaining(["client-gone", "completed", "upstream-broke"]));
    // What is still open are connections put back whole: idle, and kept for the next request.
    const before = resources();
    await proxy[Symbol.asyncDispose]();
    for (let i = 0; i < 100 && llama.open > 0; i++) await sleep(10);
    expect(llama.open).toBe(0);
    expect(leftovers(before)).toEqual([]);
  });
});
