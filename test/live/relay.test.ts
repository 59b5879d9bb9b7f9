import { describe, expect, test } from "vitest";
import {
  chatFrame,
  chatRequest,
  DONE,
  HELLO,
  httpChunk,
  jsonReply,
  LAST_CHUNK,
  sleep,
  startFakeLlama,
  STREAM_HEAD,
} from "../support/fake-llama.ts";
import { headerIn, send } from "../support/raw-client.ts";
import { startTestSidecar } from "../support/sidecar.ts";

function explode(): never {
  throw new Error("sink broke");
}

/** Of what is waited for in no time on an idle machine. */
const PATIENT = { timeout: 10_000 };
const CHAT = { method: "POST", path: "/v1/chat/completions", body: chatRequest() } as const;

describe("what passes", () => {
  test("request line, header case and order, repeated headers and latin1 bytes reach the backend", async () => {
    await using llama = await startFakeLlama((_request, socket) => void socket.end(jsonReply("{}")));
    await using proxy = await startTestSidecar({ backend: llama.url });
    await send(proxy.url, {
      method: "PATCH",
      path: "/some/%2e%2e/Odd?q=1&q=2",
      headers: [
        ["X-CuStOm", "a"],
        ["x-repeat", "1"],
        ["X-Latin", "caf\u00e9"],
        ["X-Repeat", "2"],
        ["Connection", "keep-alive, X-Hop"],
        ["X-Hop", "dropped"],
      ],
      body: "abc",
    });
    const [got] = llama.requests;
    expect(got?.method).toBe("PATCH");
    expect(got?.path).toBe("/some/%2e%2e/Odd?q=1&q=2");
    expect(got?.body.toString()).toBe("abc");
    const pairs = got?.headers ?? [];
    const names = pairs
      .filter((_, i) => i % 2 === 0)
      .filter((name) => !["host", "connection", "content-length"].includes(name.toLowerCase()));
    expect(names).toEqual(["X-CuStOm", "x-repeat", "X-Latin", "X-Repeat"]);
    expect(headerIn(pairs, "X-Latin")).toBe("caf\u00e9");
    expect(headerIn(pairs, "host")).toBe(proxy.url.host);
  });

  test("status, reason, header case and order, repeats, latin1 bytes and trailers reach the client", async () => {
    await using llama = await startFakeLlama((_request, socket) => {
      const head =
        "HTTP/1.1 299 Odd But Fine\r\nX-B: 1\r\nsEt-CoOkIe: a=1\r\nX-Latin: \u00fc\u00ff\r\nSet-Cookie: b=2\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n";
      socket.write(Buffer.from(head, "latin1"));
      socket.end(Buffer.concat([httpChunk("hello"), Buffer.from("0\r\nX-Sum: 42\r\n\r\n")]));
    });
    await using proxy = await startTestSidecar({ backend: llama.url });
    const got = await send(proxy.url, { path: "/anything" });
    expect(got.statusLine).toBe("HTTP/1.1 299 Odd But Fine");
    expect(got.bytes.includes(Buffer.from([0xfc, 0xff]))).toBe(true);
    const names = got.headers.filter((_, i) => i % 2 === 0);
    expect(names.slice(0, 5)).toEqual(["X-B", "sEt-CoOkIe", "X-Latin", "Set-Cookie", "Trailer"]);
    expect(got.body.toString()).toBe("hello");
    expect(got.trailers).toEqual(["X-Sum", "42"]);
    expect(headerIn(got.headers, "x-llama-proxy-request-id")).toMatch(/^[0-9a-z]{16}$/);
  });

  test("a latin1 header value survives when no body follows it", async () => {
    await using llama = await startFakeLlama((_request, socket) => {
      socket.write(Buffer.from("HTTP/1.1 204 No Content\r\nX-Latin: \u00e9\r\n\r\n", "latin1"));
    });
    await using proxy = await startTestSidecar({ backend: llama.url });
    const got = await send(proxy.url, { path: "/none" });
    expect(got.bytes.includes(Buffer.from([0x3a, 0x20, 0xe9, 0x0d]))).toBe(true);
  });

  test("a stream's head goes out before its first byte of body, latin1 and all", async () => {
    const head = Promise.withResolvers<void>();
    await using llama = await startFakeLlama(async (_request, socket) => {
      socket.write(Buffer.from(STREAM_HEAD.replace("llama.cpp", "ll\u00e4ma"), "latin1"));
      // A head that is held waits here for ever.
      await head.promise;
      socket.end(Buffer.concat([httpChunk(DONE), Buffer.from(LAST_CHUNK)]));
    });
    await using proxy = await startTestSidecar({ backend: llama.url });
    const got = await send(proxy.url, {
      ...CHAT,
      leaveWhen: (bytes) => {
        if (bytes.includes("\r\n\r\n")) head.resolve();
        return false;
      },
    });
    expect(headerIn(got.headers, "server")).toBe("ll\u00e4ma");
    expect(got.body.toString()).toBe(DONE);
  });

  test("interim answers, HEAD and OPTIONS pass", async () => {
    await using llama = await startFakeLlama((request, socket) => {
      if (request.method === "HEAD") socket.write("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n");
      else if (request.method === "OPTIONS") socket.write("HTTP/1.1 200 OK\r\nAllow: GET\r\nContent-Length: 0\r\n\r\n");
      else socket.write(Buffer.concat([Buffer.from("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), jsonReply("{}")]));
    });
    await using proxy = await startTestSidecar({ backend: llama.url });
    const head = await send(proxy.url, { method: "HEAD", path: "/health" });
    expect(headerIn(head.headers, "content-length")).toBe("15");
    const options = await send(proxy.url, { method: "OPTIONS", path: "/v1/chat/completions" });
    expect(headerIn(options.headers, "allow")).toBe("GET");
    const hinted = await send(proxy.url, { path: "/x" });
    expect(hinted.interim).toEqual(["HTTP/1.1 103 Early Hints\r\nLink: </a>"]);
    expect(hinted.status).toBe(200);
  });

  test("an upgrade is asked without its hop-by-hop fields, and its refusal comes back", async () => {
    await using llama = await startFakeLlama((_request, socket) => {
      socket.write("HTTP/1.1 426 Upgrade Required\r\nUpgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nno");
    });
    await using proxy = await startTestSidecar({ backend: llama.url });
    const got = await send(proxy.url, {
      path: "/ws",
      headers: [
        ["Connection", "Upgrade"],
        ["Upgrade", "websocket"],
      ],
    });
    expect(got.status).toBe(426);
    expect(headerIn(got.headers, "upgrade")).toBe("h2c");
    expect(headerIn(llama.requests[0]?.headers ?? [], "upgrade")).toBeUndefined();
  });

  test("bodies pass both ways, chunked or with a length, with backpressure and without being kept", async () => {
    const big = Buffer.alloc(20 * 1024 * 1024, "x");
    await using llama = await startFakeLlama((request, socket) => void socket.end(jsonReply(request.body.toString("latin1"))));
    await using proxy = await startTestSidecar({ backend: llama.url });
    const plain = await send(proxy.url, { method: "POST", path: "/upload", body: big });
    expect(plain.body.equals(big)).toBe(true);
    const chunks = Buffer.concat([httpChunk("ab"), httpChunk("cd"), Buffer.from(LAST_CHUNK)]);
    const chunked = await send(proxy.url, { method: "POST", path: "/upload", headers: [["Transfer-Encoding", "chunked"]], body: chunks });
    expect(chunked.body.toString()).toBe("abcd");
  });

  test("comments and pings pass at once, unread frames keep their bytes", async () => {
    const odd = `: hello\n\nid: 7\nretry: 10\ndata:{"choices":[]}\n\n${HELLO}`;
    await using llama = await startFakeLlama(async (_request, socket) => {
      socket.write(STREAM_HEAD);
      socket.write(httpChunk(":\n\n"));
      await sleep(20);
      socket.end(Buffer.concat([httpChunk(odd + DONE), Buffer.from(LAST_CHUNK)]));
    });
    await using proxy = await startTestSidecar({ backend: llama.url });
    const got = await send(proxy.url, CHAT);
    expect(got.body.toString()).toBe(`:\n\n${odd}${DONE}`);
  });

  test("an event stream on an unknown route is not taken for a completion", async () => {
    const body = 'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0}]}}]}\n\n';
    await using llama = await startFakeLlama(
      (_request, socket) => void socket.end(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(body), Buffer.from(LAST_CHUNK)])),
    );
    await using proxy = await startTestSidecar({ backend: llama.url });
    const got = await send(proxy.url, { path: "/models/sse" });
    expect(got.body.toString()).toBe(body);
    const [seen] = await proxy.ended();
    expect(seen?.steps).toEqual([]);
    expect(seen?.start.dialect).toBeUndefined();
  });
});

describe("one end per exchange", () => {
  test("completed", async () => {
    await using llama = await startFakeLlama((_request, socket) => {
      const frames = chatFrame({ role: "assistant", content: null }) + chatFrame({ content: "Hi" });
      const last = chatFrame({}, "stop", { timings: { cache_n: 5, prompt_n: 3, prompt_ms: 30, predicted_n: 2, predicted_ms: 10 } });
      socket.end(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(frames), httpChunk(last), httpChunk(DONE), Buffer.from(LAST_CHUNK)]));
    });
    await using proxy = await startTestSidecar({ backend: llama.url });
    await send(proxy.url, CHAT);
    const [seen] = await proxy.ended();
    expect(seen?.ends).toHaveLength(1);
    const end = seen?.ends[0];
    expect(end).toMatchObject({ outcome: "completed", status: 200, streamed: true, attempts: 1, errorType: undefined });
    expect(end?.summary).toMatchObject({ finishReasons: ["stop"], usage: { promptTokens: 8, completionTokens: 2, cachedTokens: 5 } });
    expect(end?.firstTokenMs).toBeGreaterThan(0);
  });

  test("client-gone: the backend is left in the middle of its stream", async () => {
    await using llama = await startFakeLlama(async (_request, socket) => {
      socket.write(STREAM_HEAD);
      for (let i = 0; !socket.destroyed; i++) {
        socket.write(httpChunk(chatFrame({ content: `${i}` })));
        await sleep(10);
      }
    });
    await using proxy = await startTestSidecar({ backend: llama.url });
    await send(proxy.url, { ...CHAT, leaveWhen: (bytes) => bytes.includes('"5"') });
    const [seen] = await proxy.ended();
    expect(seen?.ends.map((end) => end.outcome)).toEqual(["client-gone"]);
    await expect.poll(() => llama.open, PATIENT).toBe(0);
  });

  test("an exchange whose backend still talks is told of as it ends: what listens closes its books before the backend's socket does", async () => {
    const order: string[] = [];
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    await using llama = await startFakeLlama((_request, socket) => {
      socket.write(STREAM_HEAD);
      socket.on("close", () => {
        order.push("closed");
        resolve();
      });
    });
    const sinks = [{ name: "order", begin: () => ({ end: () => void order.push("told") }) }];
    await using proxy = await startTestSidecar({ backend: llama.url, sinks });
    await send(proxy.url, { ...CHAT, leaveWhen: () => true });
    await proxy.ended();
    await closed;
    expect(order).toEqual(["told", "closed"]);
  });

  test("client-gone before the head: the backend is left too", async () => {
    await using llama = await startFakeLlama(() => {});
    await using proxy = await startTestSidecar({ backend: llama.url });
    const controller = new AbortController();
    const asked = fetch(new URL(CHAT.path, proxy.url), { method: "POST", body: CHAT.body, signal: controller.signal });
    while (llama.requests.length === 0) await sleep(5);
    controller.abort();
    await expect(asked).rejects.toThrow("aborted");
    const [seen] = await proxy.ended();
    expect(seen?.ends.map((end) => end.outcome)).toEqual(["client-gone"]);
    await expect.poll(() => llama.open, PATIENT).toBe(0);
  });

  test("a client that leaves at the end mark has everything: completed", async () => {
    await using llama = await startFakeLlama(async (_request, socket) => {
      socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(chatFrame({ content: "Hi" })), httpChunk(DONE)]));
      await sleep(200);
      socket.end(LAST_CHUNK);
    });
    await using proxy = await startTestSidecar({ backend: llama.url });
    await send(proxy.url, { ...CHAT, leaveWhen: (bytes) => bytes.includes("[DONE]") });
    const [seen] = await proxy.ended();
    expect(seen?.ends.map((end) => end.outcome)).toEqual(["completed"]);
  });

  test("upstream-refused: 502 in the dialect's shape, naming the backend and the cure", async () => {
    const llama = await startFakeLlama(() => {});
    await llama[Symbol.asyncDispose]();
    await using proxy = await startTestSidecar({ backend: llama.url });
    const got = await send(proxy.url, CHAT);
    expect(got.status).toBe(502);
    const body = JSON.parse(got.body.toString()) as { error: { message: string; type: string; code: number } };
    expect(body.error.type).toBe("upstream_refused");
    expect(body.error.message).toContain(llama.url.origin);
    expect(body.error.message).toContain("--backend");
    const messages = await send(proxy.url, { method: "POST", path: "/v1/messages", body: "{}" });
    expect(JSON.parse(messages.body.toString())).toMatchObject({ type: "error", error: { type: expect.any(String) as string } });
    const [seen] = await proxy.ended(2);
    expect(seen?.ends[0]).toMatchObject({ outcome: "upstream-refused", errorType: "ECONNREFUSED", status: 502 });
  });

  test("upstream-timeout: silence before the head is a 504, silence in a stream ends it with an error frame", async () => {
    await using llama = await startFakeLlama((_request, socket, count) => {
      if (count === 2) socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(chatFrame({ content: "Hi" }))]));
    });
    await using proxy = await startTestSidecar({ backend: llama.url, limits: { timeoutMs: 200 } });
    const silent = await send(proxy.url, CHAT);
    expect(silent.status).toBe(504);
    const stalled = await send(proxy.url, CHAT);
    expect(stalled.status).toBe(200);
    expect(stalled.complete).toBe(false);
    expect(stalled.body.toString()).toMatch(/data: \{"error":\{.*"type":"upstream_timeout"\}\}\n\n$/);
    const seen = await proxy.ended(2);
    expect(seen.map((one) => one.ends.map((end) => end.outcome))).toEqual([["upstream-timeout"], ["upstream-timeout"]]);
    await expect.poll(() => llama.open, PATIENT).toBe(0);
  });

  test("upstream-broke: what came goes on, then an error frame, and no polite end", async () => {
    const frames = chatFrame({ role: "assistant", content: "Hi" });
    await using llama = await startFakeLlama(async (_request, socket) => {
      socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(frames), httpChunk('data: {"cut')]));
      await sleep(20);
      socket.destroy();
    });
    await using proxy = await startTestSidecar({ backend: llama.url });
    const got = await send(proxy.url, CHAT);
    expect(got.complete).toBe(false);
    const text = got.body.toString();
    expect(text.startsWith(frames)).toBe(true);
    expect(text.slice(frames.length)).toMatch(/^data: \{"error":.*"type":"upstream_broke"\}\}\n\n$/);
    const [seen] = await proxy.ended();
    expect(seen?.ends).toHaveLength(1);
    expect(seen?.ends[0]).toMatchObject({ outcome: "upstream-broke" });
  });

  test("a whole reply that breaks off becomes a 502, its bytes are still told to listeners", async () => {
    await using llama = await startFakeLlama((_request, socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"choices":[');
      setTimeout(() => socket.destroy(), 20);
    });
    await using proxy = await startTestSidecar({ backend: llama.url });
    const got = await send(proxy.url, { ...CHAT, body: chatRequest({ stream: false, tools: [] }) });
    const [seen] = await proxy.ended();
    expect(seen?.ends[0]?.outcome).toBe("upstream-broke");
    expect(got.status).toBe(502);
    expect(Buffer.concat(seen?.chunks.map((chunk) => chunk.upstream) ?? []).toString()).toBe('{"choices":[');
  });

  test("shutdown: drains what it can, tells the rest", async () => {
    const draining = Promise.withResolvers<void>();
    await using llama = await startFakeLlama(async (request, socket) => {
      if (request.body.includes("slow")) {
        socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(chatFrame({ content: "Hi" }))]));
        return;
      }
      await draining.promise;
      socket.end(jsonReply("{}"));
    });
    await using proxy = await startTestSidecar({ backend: llama.url });
    const quick = send(proxy.url, { path: "/quick" });
    const slow = send(proxy.url, { ...CHAT, body: chatRequest({ user: "slow" }) });
    while (llama.requests.length < 2) await sleep(5);
    const drained = proxy.sidecar.drain(1_000);
    draining.resolve();
    await drained;
    expect((await quick).status).toBe(200);
    const cut = await slow;
    expect(cut.complete).toBe(false);
    expect(cut.body.toString()).toContain("proxy_shutdown");
    const seen = await proxy.ended(2);
    expect(seen.map((one) => one.ends.map((end) => end.outcome).join())).toEqual(expect.arrayContaining(["completed", "shutdown"]));
    await expect(fetch(proxy.url)).rejects.toThrow("fetch failed");
  });

  test("a pooled connection that turns out dead is tried again on a fresh one", async () => {
    await using llama = await startFakeLlama((request, socket, count) => {
      // Says keep-alive and closes as soon as the next request comes.
      if (count % 2 === 1 || request.body.includes("again")) socket.write(jsonReply(`{"n":${count}}`));
      else socket.destroy();
    });
    await using proxy = await startTestSidecar({ backend: llama.url });
    const body = chatRequest({ stream: false });
    expect((await send(proxy.url, { ...CHAT, body })).status).toBe(200);
    await sleep(20);
    const second = await send(proxy.url, { ...CHAT, body });
    expect(second.status).toBe(200);
    expect(second.body.toString()).toBe('{"n":3}');
    const seen = await proxy.ended(2);
    expect(seen[1]?.ends[0]?.attempts).toBe(2);
    expect(llama.connections).toBe(2 + 1 /* /props */);
  });

  test("16 requests in parallel against a server that closes after every stream: no 502", async () => {
    await using llama = await startFakeLlama((_request, socket) => {
      socket.end(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(HELLO + DONE), Buffer.from(LAST_CHUNK)]));
    });
    await using proxy = await startTestSidecar({ backend: llama.url });
    const statuses: number[] = [];
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        for (let i = 0; i < 20; i++) {
          const got = await fetch(new URL(CHAT.path, proxy.url), { method: "POST", body: chatRequest({ stream: i % 4 !== 0 }) });
          await got.text();
          statuses.push(got.status);
        }
      }),
    );
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect(statuses).toHaveLength(320);
  });

  test("a fault of a sink or of ours stays with us: a broken sink never reaches the client", async () => {
    await using llama = await startFakeLlama((_request, socket) => {
      socket.end(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(HELLO + DONE), Buffer.from(LAST_CHUNK)]));
    });
    await using proxy = await startTestSidecar({
      backend: llama.url,
      sinks: [
        { name: "begin", begin: explode },
        { name: "all", begin: () => ({ enter: explode, request: explode, head: explode, step: explode, chunk: explode, end: explode }) },
        { name: "end", begin: () => ({ end: explode }) },
      ],
    });
    const got = await send(proxy.url, CHAT);
    expect(got.body.toString()).toBe(HELLO + DONE);
    const [seen] = await proxy.ended();
    expect(seen?.ends.map((end) => end.outcome)).toEqual(["completed"]);
  });
});

describe("bounds", () => {
  test("a slow client holds the backend back", async () => {
    let written = 0;
    const total = 64 * 1024 * 1024;
    await using llama = await startFakeLlama((_request, socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
      const frame = httpChunk(chatFrame({ content: "x".repeat(64 * 1024) }));
      const pump = (): void => {
        while (written < total && !socket.destroyed) {
          written += frame.length;
          if (!socket.write(frame)) return void socket.once("drain", pump);
        }
      };
      pump();
    });
    await using proxy = await startTestSidecar({ backend: llama.url });
    const { connect } = await import("node:net");
    const socket = connect(Number(proxy.url.port), "127.0.0.1");
    socket.pause();
    socket.write(`POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: ${CHAT.body.length}\r\n\r\n${CHAT.body}`);
    const isHeld = async (): Promise<boolean> => {
      const before = written;
      await sleep(250);
      return written > 0 && written === before;
    };
    await expect.poll(isHeld, PATIENT).toBe(true);
    expect(written).toBeLessThan(24 * 1024 * 1024);
    socket.destroy();
    await proxy.ended();
  });

  test("a request body above the limit is relayed without being understood", async () => {
    await using llama = await startFakeLlama((request, socket) => void socket.end(jsonReply(String(request.body.length))));
    await using proxy = await startTestSidecar({ backend: llama.url, limits: { requestBytes: 1000 } });
    const body = chatRequest({ stream: false, filler: "y".repeat(5000) });
    const announced = await send(proxy.url, { ...CHAT, body });
    expect(announced.body.toString()).toBe(String(body.length));
    const chunked = Buffer.concat([httpChunk(body.slice(0, 900)), httpChunk(body.slice(900)), Buffer.from(LAST_CHUNK)]);
    const streamed = await send(proxy.url, { ...CHAT, headers: [["Transfer-Encoding", "chunked"]], body: chunked });
    expect(streamed.body.toString()).toBe(String(body.length));
    const seen = await proxy.ended(2);
    for (const one of seen) expect(one.ends[0]?.notes.map((note) => note.reason).join()).toContain("relayed without being understood");
  });

  test("malformed JSON in a request goes to the backend as it is, noted", async () => {
    await using llama = await startFakeLlama((request, socket) => {
      socket.end(
        jsonReply(
          '{"error":{"code":500,"message":"parse","type":"server_error"}}',
          request.body.toString() === "{oops" ? "500 Internal Server Error" : "200 OK",
        ),
      );
    });
    await using proxy = await startTestSidecar({ backend: llama.url });
    const got = await send(proxy.url, { ...CHAT, body: "{oops" });
    expect(got.status).toBe(500);
    const [seen] = await proxy.ended();
    expect(seen?.ends[0]).toMatchObject({ outcome: "completed", status: 500 });
    expect(seen?.ends[0]?.notes[0]?.reason).toContain("not JSON");
  });

  test("an early answer to an unread upload reaches the client", async () => {
    await using llama = await startFakeLlama(() => {}, { props: false });
    // Answers as soon as the head is there, and never reads the body.
    const { createServer } = await import("node:net");
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.end("HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig"));
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as { port: number };
    void llama;
    await using proxy = await startTestSidecar({ backend: new URL(`http://127.0.0.1:${port}`) });
    const got = await send(proxy.url, { method: "POST", path: "/upload", headers: [["Content-Length", "100000000"]], body: "begin" });
    expect(got.status).toBe(413);
    server.close();
  });
});

describe("own routes", () => {
  test("live, ready and status answer; the backend never sees them", async () => {
    await using llama = await startFakeLlama(
      (request, socket) => void socket.end(jsonReply(request.path === "/health" ? '{"status":"ok"}' : "{}")),
    );
    await using proxy = await startTestSidecar({ backend: llama.url });
    expect((await send(proxy.url, { path: "/_llama-proxy/live" })).status).toBe(200);
    expect((await send(proxy.url, { path: "/_llama-proxy/ready" })).status).toBe(200);
    const status = await send(proxy.url, { path: "/_llama-proxy/status" });
    expect(JSON.parse(status.body.toString())).toMatchObject({ backend: llama.url.origin, in_flight: 0, draining: false });
    expect((await send(proxy.url, { path: "/_llama-proxy/nope" })).status).toBe(404);
    expect(llama.requests.map((request) => request.path)).toEqual(["/health"]);
    expect(proxy.seen).toEqual([]);
  });

  test("ready says 503 and why when the backend is away", async () => {
    const llama = await startFakeLlama(() => {});
    await llama[Symbol.asyncDispose]();
    await using proxy = await startTestSidecar({ backend: llama.url });
    const got = await send(proxy.url, { path: "/_llama-proxy/ready" });
    expect(got.status).toBe(503);
    expect(got.body.toString()).toContain("ECONNREFUSED");
  });

  test("requests one after another on one connection are answered in order", async () => {
    await using llama = await startFakeLlama((request, socket) => void socket.end(jsonReply(`{"path":"${request.path}"}`)));
    await using proxy = await startTestSidecar({ backend: llama.url });
    const both = Buffer.from("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const { connect } = await import("node:net");
    const socket = connect(Number(proxy.url.port), "127.0.0.1");
    socket.write(both);
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    expect(text.match(/"path":"\/[ab]"/g)).toEqual(['"path":"/a"', '"path":"/b"']);
  });
});

test("a fix that changed something tells what it took", async () => {
  const tools = [{ type: "function", function: { name: "f", parameters: { type: "object", properties: { a: { type: "string" } } } } }];
  await using llama = await startFakeLlama((_request, socket) => {
    const call = (args: string, id?: string): string =>
      chatFrame({
        tool_calls: [{ index: 0, ...(id ? { id, type: "function" } : {}), function: { ...(id ? { name: "f" } : {}), arguments: args } }],
      });
    const frames =
      chatFrame({ role: "assistant", content: null }) + call("", "c1") + call('{"a":"x","a":"y"}') + chatFrame({}, "tool_calls") + DONE;
    socket.end(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(frames), Buffer.from(LAST_CHUNK)]));
  });
  await using proxy = await startTestSidecar({ backend: llama.url });
  await send(proxy.url, { ...CHAT, body: chatRequest({ tools }) });
  const [seen] = await proxy.ended();
  expect(Object.keys(seen?.ends[0]?.fixMs ?? {})).toEqual(["toolcall_bad_filepath"]);
  expect(seen?.ends[0]?.fixMs?.["toolcall_bad_filepath"]).toBeGreaterThan(0);
});
