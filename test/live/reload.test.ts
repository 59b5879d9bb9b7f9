/** The configuration applied anew while requests run. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Service } from "../../src/cli/service.ts";
import { loadConfig } from "../../src/config/load.ts";
import { PLAIN_LOOK } from "../../src/stats/format.ts";
import { chatRequest, DONE, HELLO, httpChunk, jsonReply, LAST_CHUNK, sleep, startFakeLlama, STREAM_HEAD } from "../support/fake-llama.ts";
import { send } from "../support/raw-client.ts";
import { startTestService } from "../support/service.ts";

interface Running extends AsyncDisposable {
  readonly service: Service;
  readonly said: string[];
  /** Writes the file; with `reload` it is applied too. */
  config(yaml: string): Promise<void>;
}

const RELOAD = { method: "POST", path: "/_llama-proxy/reload" } as const;
/** Of what is waited for in no time on an idle machine. */
const PATIENT = { timeout: 10_000 };
const CHAT = { method: "POST", path: "/v1/chat/completions", body: chatRequest() } as const;

async function startFromFile(yaml: string, env: Record<string, string> = {}): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), "llama-proxy-reload-"));
  const file = join(folder, "config.yaml");
  const db = join(folder, "test.db");
  const write = (text: string): Promise<void> =>
    writeFile(file, `server: {port: 0}\nrecorder: {path: ${db}}\nstats: {enabled: false}\n${text}`);
  await write(yaml);
  const reread = () => loadConfig({ file, env }).config;
  const said: string[] = [];
  const service = await startTestService({
    config: reread(),
    env,
    version: "0",
    write: () => {},
    look: () => ({ ...PLAIN_LOOK, terminal: false }),
    say: (line) => said.push(line),
    reread,
  });
  return {
    service,
    said,
    config: write,
    async [Symbol.asyncDispose]() {
      await service.stop(0);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const streaming = (ms: number) =>
  startFakeLlama(async (_request, socket) => {
    socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(HELLO)]));
    await sleep(ms);
    socket.end(Buffer.concat([httpChunk(DONE), Buffer.from(LAST_CHUNK)]));
  });

test("a new backend serves the next request; one in flight ends on the one it began with", async () => {
  await using old = await streaming(300);
  await using next = await startFakeLlama((_request, socket) => void socket.end(jsonReply('{"from":"next"}')));
  await using running = await startFromFile(`backend: {url: "${old.url.origin}"}\n`);
  const begun = send(running.service.url, CHAT);
  while (old.requests.length === 0) await sleep(5);
  await running.config(`backend: {url: "${next.url.origin}"}\n`);
  expect((await send(running.service.url, RELOAD)).status).toBe(200);
  expect((await send(running.service.url, { path: "/anything" })).body.toString()).toBe('{"from":"next"}');
  expect((await begun).body.toString()).toBe(HELLO + DONE);
  await expect.poll(() => old.open, PATIENT).toBe(0);
});

test("a request whose body is still coming in when the backend changes goes to the one it began with", async () => {
  const { connect } = await import("node:net");
  await using old = await startFakeLlama((_request, socket) => void socket.end(jsonReply('{"from":"old"}')));
  await using next = await startFakeLlama((_request, socket) => void socket.end(jsonReply('{"from":"next"}')));
  await using running = await startFromFile(`backend: {url: "${old.url.origin}"}\n`);
  const socket = connect(Number(running.service.url.port), "127.0.0.1");
  const body = chatRequest({ stream: false });
  socket.write(`POST ${CHAT.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 9)}`);
  const inFlight = async (): Promise<unknown> =>
    JSON.parse((await send(running.service.url, { path: "/_llama-proxy/status" })).body.toString());
  await expect.poll(inFlight, PATIENT).toMatchObject({ in_flight: 1 });
  await running.config(`backend: {url: "${next.url.origin}"}\n`);
  expect((await running.service.reload()).applied).toBe(true);
  await sleep(20);
  socket.write(body.slice(9));
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  expect(text).toContain('{"from":"old"}');
});

test("a bad configuration is refused with its reason and the old one stays", async () => {
  await using llama = await startFakeLlama((_request, socket) => void socket.end(jsonReply("{}")));
  const good = `backend: {url: "${llama.url.origin}"}\n`;
  await using running = await startFromFile(good);
  for (const bad of ["backend: {port: many}\n", "fixes: {modules: {no-such-fix: {}}}\n", "server: [\n", `${good}otel: {nope: 1}\n`]) {
    await running.config(bad);
    const got = await send(running.service.url, RELOAD);
    expect(got.status).toBe(409);
    expect(JSON.parse(got.body.toString())).toMatchObject({ applied: false, problem: expect.any(String) as string });
    expect((await send(running.service.url, { path: "/x" })).status).toBe(200);
  }
  expect(running.said.filter((line) => line.includes("the old one stays"))).toHaveLength(4);
});

test("keys are exchanged without a restart; what only a restart changes is named", async () => {
  await using llama = await startFakeLlama((_request, socket) => void socket.end(jsonReply("{}")));
  const folder = await mkdtemp(join(tmpdir(), "llama-proxy-keys-"));
  const keys = join(folder, "keys");
  await writeFile(keys, "old-key\n");
  const backend = `backend: {url: "${llama.url.origin}"}\n`;
  await using running = await startFromFile(backend, { LLAMA_PROXY_SERVER_API_KEYS_FILE: keys });
  const ask = async (key: string): Promise<number> =>
    (await send(running.service.url, { path: "/x", headers: [["x-api-key", key]] })).status;
  expect([await ask("old-key"), await ask("new-key")]).toEqual([200, 401]);
  await writeFile(keys, "new-key\n");
  await running.config(`otel: {max_models: 7}\n${backend}`);
  expect(await running.service.reload()).toEqual({ applied: true, needsRestart: ["otel.max_models"], problem: undefined });
  expect([await ask("old-key"), await ask("new-key")]).toEqual([401, 200]);
  // Never open by mistake: an emptied file is a bad configuration.
  await writeFile(keys, "");
  expect((await running.service.reload()).applied).toBe(false);
  expect([await ask("none"), await ask("new-key")]).toEqual([401, 200]);
  await rm(folder, { recursive: true });
});

test("keys that are asked for and not there: it does not start", async () => {
  await expect(startFromFile("", { LLAMA_PROXY_SERVER_API_KEYS_ENV: "DOOR" })).rejects.toThrow(/DOOR, which is not set or empty/);
});

test("100 reloads under load: 0 failures", async () => {
  await using one = await streaming(5);
  await using two = await streaming(5);
  await using running = await startFromFile(`backend: {url: "${one.url.origin}"}\n`);
  const outcomes = { over: false, right: 0, wrong: [] as string[] };
  const clients = Array.from({ length: 8 }, async () => {
    while (!outcomes.over) {
      const got = await send(running.service.url, CHAT);
      if (got.status === 200 && got.complete && got.body.toString() === HELLO + DONE) outcomes.right += 1;
      else outcomes.wrong.push(`${got.status} ${got.body.toString().slice(0, 200)}`);
    }
  });
  for (let i = 0; i < 100; i++) {
    const { url } = i % 2 === 0 ? two : one;
    await running.config(`backend: {url: "${url.origin}"}\nfixes: {enabled: ${i % 3 !== 0}}\n`);
    expect((await send(running.service.url, RELOAD)).status).toBe(200);
  }
  outcomes.over = true;
  await Promise.all(clients);
  expect(outcomes.wrong).toEqual([]);
  expect(outcomes.right).toBeGreaterThan(50);
  const status = JSON.parse((await send(running.service.url, { path: "/_llama-proxy/status" })).body.toString()) as object;
  expect(status).toMatchObject({ reloads: 100, in_flight: 0 });
  await expect.poll(() => two.open, PATIENT).toBe(0);
}, 60_000);
