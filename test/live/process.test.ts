/** The program as people start it: a process of its own, signals and pipes included. */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openReader } from "../../src/recorder/reader.ts";
import { chatRequest, DONE, HELLO, httpChunk, LAST_CHUNK, sleep, startFakeLlama, STREAM_HEAD } from "../support/fake-llama.ts";
import { checkTelemetry, spanType } from "../support/otlp-checker.ts";
import { startOtlpReceiver } from "../support/otlp-receiver.ts";
import { send } from "../support/raw-client.ts";

const MAIN = new URL("../../src/cli/main.ts", import.meta.url).pathname;

interface Run extends AsyncDisposable {
  readonly process: ChildProcessWithoutNullStreams;
  readonly url: URL;
  readonly db: string;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly exit: Promise<number | null>;
}

async function startRun(backend: URL, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), "llama-proxy-run-"));
  const db = join(folder, "run.db");
  const child = spawn(process.execPath, [MAIN, "run", "--port", "0", "--backend", backend.origin, "--db", db, ...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"], HOME: folder, ...env },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  const exit = new Promise<number | null>((done) => child.on("exit", done));
  const url = await new Promise<URL>((resolve, reject) => {
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
      const match = / on (http:\/\/\S+),/.exec(stderr);
      if (match?.[1]) resolve(new URL(match[1]));
    });
    child.on("exit", (code) => reject(new Error(`exited with ${code}: ${stderr}`)));
  });
  return {
    process: child,
    url,
    db,
    stdout: () => stdout,
    stderr: () => stderr,
    exit,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exit;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The beginnings of `count` exchanges are in the file, whose recorder writes what is under way about once a second. */
async function areRecorded(db: string, count: number): Promise<void> {
  const rows = (): number => {
    using reader = openReader(db);
    return reader.list({ limit: 100 }).length;
  };
  await expect.poll(rows, PATIENT).toBe(count);
}

async function telemetryIsOn(url: URL): Promise<void> {
  let state = "";
  for (let i = 0; i < 200 && state !== "on"; i++) {
    const status = JSON.parse((await send(url, { path: "/_llama-proxy/status" })).body.toString()) as { telemetry: { state: string } };
    state = status.telemetry.state;
    await sleep(20);
  }
  expect(state).toBe("on");
}

/** Of what is waited for in no time on an idle machine. */
const PATIENT = { timeout: 10_000 };
const CHAT = { method: "POST", path: "/v1/chat/completions", body: chatRequest() } as const;

test("SIGTERM: what is in flight ends by itself, everything is flushed, exit 0", async () => {
  await using llama = await startFakeLlama(async (_request, socket) => {
    socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(HELLO)]));
    await sleep(400);
    socket.end(Buffer.concat([httpChunk(DONE), Buffer.from(LAST_CHUNK)]));
  });
  await using run = await startRun(llama.url);
  const reply = send(run.url, CHAT);
  while (llama.requests.length === 0) await sleep(5);
  run.process.kill("SIGTERM");
  expect((await reply).body.toString()).toBe(HELLO + DONE);
  expect(await run.exit).toBe(0);
  expect(run.stdout()).toMatch(/^model=m .*stream=true/);
  using reader = openReader(run.db);
  expect(reader.list()).toMatchObject([{ outcome: "completed" }]);
});

test("a second signal exits at once", async () => {
  await using llama = await startFakeLlama(
    (_request, socket) => void socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(HELLO)])),
  );
  await using run = await startRun(llama.url);
  void send(run.url, CHAT);
  while (llama.requests.length === 0) await sleep(5);
  run.process.kill("SIGINT");
  await expect.poll(run.stderr, PATIENT).toContain("SIGINT");
  // One signal would wait half a minute for the stream, and exit with 0.
  run.process.kill("SIGINT");
  expect(await run.exit).toBe(130);
});

test("nobody reading its output does not stop it", async () => {
  await using llama = await startFakeLlama(
    (_request, socket) => void socket.end(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(DONE), Buffer.from(LAST_CHUNK)])),
  );
  await using run = await startRun(llama.url);
  run.process.stdout.destroy();
  run.process.stderr.destroy();
  for (let i = 0; i < 5; i++) {
    expect((await send(run.url, CHAT)).status).toBe(200);
    await sleep(30);
  }
  expect(run.process.exitCode).toBeNull();
});

test("a port that is taken is told with its cure, exit 1", async () => {
  await using llama = await startFakeLlama(() => {});
  await using run = await startRun(llama.url);
  await expect(startRun(llama.url, ["--port", run.url.port])).rejects.toThrow(/exited with 1: .*is taken.*--port/s);
});

test("the SDK is loaded behind the listening socket: status answers while it loads", async () => {
  await using llama = await startFakeLlama(() => {});
  await using run = await startRun(llama.url, ["--otlp", "http://127.0.0.1:9"]);
  await telemetryIsOn(run.url);
  expect(run.stderr()).toContain("telemetry http://127.0.0.1:9");
});

test("SIGTERM: what is in flight has its ended spans, and they are exported before the process ends", async () => {
  await using receiver = await startOtlpReceiver();
  await using llama = await startFakeLlama(async (_request, socket, count) => {
    socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(HELLO)]));
    await sleep(200);
    // The second one never ends by itself.
    if (count === 1) socket.end(Buffer.concat([httpChunk(DONE), Buffer.from(LAST_CHUNK)]));
  });
  await using run = await startRun(llama.url, ["--otlp", receiver.url], { LLAMA_PROXY_SERVER_DRAIN_SECONDS: "1" });
  await telemetryIsOn(run.url);
  const replies = [send(run.url, CHAT), send(run.url, CHAT)];
  while (llama.requests.length < 2) await sleep(5);
  run.process.kill("SIGTERM");
  await Promise.all(replies);
  expect(await run.exit).toBe(0);
  expect(checkTelemetry(receiver.received, { vocabulary: "1.41" })).toEqual([]);
  const ends = receiver.received.spans.map((span) => span.attributes["llama_proxy.stream.end_reason"]?.value);
  expect(new Set(ends.filter((end) => end !== undefined))).toEqual(new Set(["completed", "proxy_shutdown"]));
  expect(receiver.received.spans.filter((span) => spanType(span) === "http.server")).toHaveLength(2);
});

test("SIGHUP applies the configuration anew and nothing is cut; a bad one is told and the old stays", async () => {
  await using llama = await startFakeLlama(async (_request, socket) => {
    socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(HELLO)]));
    await sleep(300);
    socket.end(Buffer.concat([httpChunk(DONE), Buffer.from(LAST_CHUNK)]));
  });
  const folder = await mkdtemp(join(tmpdir(), "llama-proxy-hup-"));
  const file = join(folder, "config.yaml");
  await writeFile(file, "stats: {enabled: true}\n");
  await using run = await startRun(llama.url, ["--config", file]);
  const reply = send(run.url, CHAT);
  while (llama.requests.length === 0) await sleep(5);
  await writeFile(file, "stats: {enabled: false}\n");
  run.process.kill("SIGHUP");
  expect((await reply).body.toString()).toBe(HELLO + DONE);
  await expect.poll(run.stderr, PATIENT).toContain("configuration applied");
  await writeFile(file, "stats: {enabled: perhaps}\n");
  run.process.kill("SIGHUP");
  expect((await send(run.url, CHAT)).status).toBe(200);
  await expect.poll(run.stderr, PATIENT).toMatch(/not applied, the old one stays: .*stats.enabled/s);
  // The first was begun with statistics, the second without.
  await expect.poll(() => run.stdout().match(/model=/g), PATIENT).toHaveLength(1);
  await rm(folder, { recursive: true });
});

test("kill -9 in the middle of streams: the next process has the port at once, the database goes on", async () => {
  await using llama = await startFakeLlama(async (request, socket) => {
    if (request.body.includes("stays")) return void socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(HELLO)]));
    return void socket.end(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(HELLO + DONE), Buffer.from(LAST_CHUNK)]));
  });
  await using first = await startRun(llama.url);
  const cut = Array.from({ length: 10 }, () => send(first.url, { ...CHAT, body: chatRequest({ user: "stays" }) }));
  while (llama.requests.length < 10) await sleep(5);
  await areRecorded(first.db, 10);
  first.process.kill("SIGKILL");
  await first.exit;
  await using second = await startRun(llama.url, ["--port", first.url.port, "--db", first.db]);
  expect(second.url.port).toBe(first.url.port);
  for (const reply of await Promise.all(cut)) expect(reply.complete).toBe(false);
  expect((await send(second.url, CHAT)).body.toString()).toBe(HELLO + DONE);
  second.process.kill("SIGTERM");
  expect(await second.exit).toBe(0);
  using reader = openReader(first.db);
  const outcomes = reader.list({ limit: 100 }).map(({ outcome }) => outcome);
  expect(outcomes).toContain("completed");
  expect(outcomes.filter((outcome) => outcome === "interrupted")).toHaveLength(10);
});

test("SIGTERM and a restart while old connections linger: the port is free at once, the old stream ends whole, the new process serves", async () => {
  const go = Promise.withResolvers<void>();
  await using llama = await startFakeLlama(async (request, socket) => {
    socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(HELLO)]));
    if (request.body.includes("slow")) await go.promise;
    socket.end(Buffer.concat([httpChunk(DONE), Buffer.from(LAST_CHUNK)]));
  });
  await using first = await startRun(llama.url);
  // One connection in use, one idle, and one whose end the client never closes.
  const slow = send(first.url, { ...CHAT, body: chatRequest({ user: "slow" }) });
  const idle = connect({ host: first.url.hostname, port: Number(first.url.port), allowHalfOpen: true });
  idle.on("error", () => {}).write("GET /_llama-proxy/live HTTP/1.1\r\nHost: x\r\n\r\n");
  await once(idle, "data");
  while (llama.requests.length === 0) await sleep(5);
  // The next process must not take it for a dead one's.
  await areRecorded(first.db, 1);
  first.process.kill("SIGTERM");
  while (!first.stderr().includes("SIGTERM")) await sleep(5);
  await using second = await startRun(llama.url, ["--port", first.url.port, "--db", first.db]);
  expect(second.url.port).toBe(first.url.port);
  expect((await send(second.url, CHAT)).body.toString()).toBe(HELLO + DONE);
  expect(first.process.exitCode).toBeNull();
  go.resolve();
  expect((await slow).body.toString()).toBe(HELLO + DONE);
  expect(await first.exit).toBe(0);
  expect((await send(second.url, CHAT)).body.toString()).toBe(HELLO + DONE);
  second.process.kill("SIGTERM");
  expect(await second.exit).toBe(0);
  idle.destroy();
  using reader = openReader(first.db);
  expect(reader.list({ limit: 100 }).map(({ outcome }) => outcome)).toEqual(["completed", "completed", "completed"]);
});
