/** Who gets in: keys, TLS, limits, and our own routes. */
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { expect, describe, test } from "vitest";
import { createDoor } from "../../src/sidecar/door.ts";
import { chatRequest, jsonReply, startFakeLlama } from "../support/fake-llama.ts";
import { headerIn, parseReply, send } from "../support/raw-client.ts";
import { startTestSidecar } from "../support/sidecar.ts";

const CHAT = { method: "POST", path: "/v1/chat/completions", body: chatRequest({ stream: false }) } as const;
const pem = (name: string): Buffer => readFileSync(new URL(`../support/tls/${name}.pem`, import.meta.url));
const TLS = { cert: pem("first.cert"), key: pem("first.key") };

const startEcho = () => startFakeLlama((_request, socket) => void socket.end(jsonReply('{"choices":[]}')));

describe("keys", () => {
  const door = createDoor({ keys: ["sk-planted-proxy"], backendKey: "sk-planted-backend" });

  test("without a key: 401 in the dialect's shape, nothing reaches the backend, no exchange", async () => {
    await using llama = await startEcho();
    await using proxy = await startTestSidecar({ backend: llama.url, door });
    const chat = await send(proxy.url, CHAT);
    expect(chat.status).toBe(401);
    expect(JSON.parse(chat.body.toString())).toMatchObject({ error: { code: 401, type: "authentication_error" } });
    const messages = await send(proxy.url, { method: "POST", path: "/v1/messages", body: "{}", headers: [["x-api-key", "wrong"]] });
    expect(messages.status).toBe(401);
    expect(JSON.parse(messages.body.toString())).toMatchObject({ type: "error", error: { type: "authentication_error" } });
    expect((await send(proxy.url, { path: "/props" })).status).toBe(401);
    expect(llama.connections).toBe(0);
    expect(proxy.seen).toEqual([]);
    const status = JSON.parse((await send(proxy.url, { path: "/_llama-proxy/status" })).body.toString()) as object;
    expect(status).toMatchObject({ refused: { without_key: 3 }, exchanges_total: 0 });
  });

  test("with one: passed on with the backend's key, whichever field held ours", async () => {
    await using llama = await startEcho();
    await using proxy = await startTestSidecar({ backend: llama.url, door });
    for (const field of [
      ["Authorization", "Bearer sk-planted-proxy"],
      ["x-api-key", "sk-planted-proxy"],
    ] as const) {
      expect((await send(proxy.url, { ...CHAT, headers: [field] })).status).toBe(200);
    }
    expect(llama.requests).toHaveLength(2);
    for (const { headers } of llama.requests) {
      expect(headerIn(headers, "authorization")).toBe("Bearer sk-planted-backend");
      expect(headers.join("\n")).not.toContain("sk-planted-proxy");
    }
  });

  test("health checks and preflights pass without a key, and without the backend's", async () => {
    await using llama = await startEcho();
    await using proxy = await startTestSidecar({ backend: llama.url, door });
    expect((await send(proxy.url, { path: "/health" })).status).toBe(200);
    expect((await send(proxy.url, { method: "OPTIONS", path: CHAT.path })).status).toBe(200);
    expect(llama.requests.map(({ headers }) => headerIn(headers, "authorization"))).toEqual([undefined, undefined]);
  });

  test("a refusal of a large body reaches the client", async () => {
    await using llama = await startEcho();
    await using proxy = await startTestSidecar({ backend: llama.url, door });
    const got = await send(proxy.url, { method: "POST", path: "/upload", body: Buffer.alloc(4 * 1024 * 1024, "x") });
    expect(got.status).toBe(401);
  });
});

describe("our own routes", () => {
  const OWN = "/_llama-proxy/status";
  test.each<[string, [string, string][], number]>([
    ["a program of this machine", [], 200],
    ["localhost", [["Host", "localhost:8066"]], 200],
    ["an address", [["Host", "[::1]:8066"]], 200],
    ["a name that was bound to 127.0.0.1 (DNS rebinding)", [["Host", "evil.example:8066"]], 403],
    ["a name that only looks local", [["Host", "localhost.evil.example"]], 403],
    ["a page of another site", [["Origin", "https://evil.example"]], 403],
    ["a sandboxed page", [["Origin", "null"]], 403],
    ["a page of another site that sends no Origin", [["Sec-Fetch-Site", "cross-site"]], 403],
    ["a page of this machine", [["Origin", "http://localhost:3000"]], 200],
  ])("%s", async (_who, headers, status) => {
    await using llama = await startEcho();
    await using proxy = await startTestSidecar({ backend: llama.url });
    expect((await send(proxy.url, { path: OWN, headers })).status).toBe(status);
  });

  test("a key opens them under any name", async () => {
    await using llama = await startEcho();
    await using proxy = await startTestSidecar({ backend: llama.url, door: createDoor({ keys: ["k"], backendKey: undefined }) });
    const Host = ["Host", "gpu.example"] as const;
    expect((await send(proxy.url, { path: OWN, headers: [Host] })).status).toBe(403);
    expect((await send(proxy.url, { path: OWN, headers: [Host, ["x-api-key", "k"]] })).status).toBe(200);
  });

  test("reload takes POST from this machine, and no page of another site", async () => {
    await using llama = await startEcho();
    let count = 0;
    const reload = async () => ({ applied: (count += 1) === 1, needsRestart: ["server.port"], problem: count > 1 ? "bad" : undefined });
    await using proxy = await startTestSidecar({ backend: llama.url, reload });
    const path = "/_llama-proxy/reload";
    expect((await send(proxy.url, { path })).status).toBe(405);
    expect((await send(proxy.url, { method: "POST", path, headers: [["Origin", "https://evil.example"]] })).status).toBe(403);
    expect(count).toBe(0);
    const done = await send(proxy.url, { method: "POST", path });
    expect(JSON.parse(done.body.toString())).toEqual({ applied: true, needs_restart: ["server.port"] });
    const refused = await send(proxy.url, { method: "POST", path });
    expect(refused.status).toBe(409);
    expect(JSON.parse(refused.body.toString())).toMatchObject({ applied: false, problem: "bad" });
  });
});

describe("limits", () => {
  test("connections above max_connections are closed as they come, and counted", async () => {
    await using llama = await startEcho();
    await using proxy = await startTestSidecar({ backend: llama.url, listener: { maxConnections: 2 } });
    const held = [1, 2].map(() => connect(Number(proxy.url.port), "127.0.0.1"));
    await Promise.all(held.map((socket) => new Promise((done) => socket.once("connect", done))));
    const third = connect(Number(proxy.url.port), "127.0.0.1");
    third.on("error", () => {});
    await new Promise((done) => third.once("close", done));
    held[0]?.destroy();
    // Until its end is seen, those that ask are turned away too.
    const refused = async (): Promise<unknown> => {
      const { body } = await send(proxy.url, { path: "/_llama-proxy/status" });
      return (JSON.parse(body.toString()) as { refused: { above_max_connections: number } }).refused.above_max_connections;
    };
    await expect.poll(refused, { timeout: 10_000 }).toBeGreaterThan(0);
    held[1]?.destroy();
  });

  test("a head that does not come within the header time: 408, closed", async () => {
    await using llama = await startEcho();
    await using proxy = await startTestSidecar({ backend: llama.url, listener: { headerTimeoutMs: 200 } });
    const socket = connect(Number(proxy.url.port), "127.0.0.1");
    socket.write("GET /health HTTP/1.1\r\nHost: x\r\n");
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
    await new Promise((done) => socket.once("close", done));
    expect(text).toContain("408");
  });

  test("a head above 64 KiB is refused with 431", async () => {
    await using llama = await startEcho();
    await using proxy = await startTestSidecar({ backend: llama.url });
    expect((await send(proxy.url, { path: "/health", headers: [["X-Long", "y".repeat(70_000)]] })).status).toBe(431);
  });
});

describe("TLS", () => {
  async function askTls(port: string, bytes: string): Promise<{ text: string; name: string | undefined }> {
    const socket = connectTls({ port: Number(port), host: "127.0.0.1", rejectUnauthorized: false });
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    await new Promise((done) => socket.once("secureConnect", done));
    const name = String(socket.getPeerCertificate().subject.CN);
    socket.write(bytes);
    await new Promise((done) => socket.once("close", done));
    return { text: Buffer.concat(chunks).toString(), name };
  }
  const GET = "GET /anything HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

  test("the port speaks HTTPS; a new certificate is used from the next connection on; plain HTTP is turned away", async () => {
    await using llama = await startEcho();
    await using proxy = await startTestSidecar({ backend: llama.url, listener: { tls: TLS } });
    expect(proxy.url.protocol).toBe("https:");
    const first = await askTls(proxy.url.port, GET);
    expect(parseReply(Buffer.from(first.text), "GET", true)).toMatchObject({ status: 200, complete: true });
    expect(first.name).toBe("llama-proxy-test-first");
    await proxy.use({}, { tls: { cert: pem("second.cert"), key: pem("second.key") } });
    expect((await askTls(proxy.url.port, GET)).name).toBe("llama-proxy-test-second");
    await expect(proxy.use({}, { tls: { cert: pem("first.cert"), key: pem("second.key") } })).rejects.toThrow(/key/i);
    expect((await askTls(proxy.url.port, GET)).name).toBe("llama-proxy-test-second");
    const plain = connect(Number(proxy.url.port), "127.0.0.1");
    plain.on("error", () => {});
    plain.write(GET);
    await new Promise((done) => plain.once("close", done));
    expect((await askTls(proxy.url.port, GET)).text).toContain("200 OK");
  });
});
