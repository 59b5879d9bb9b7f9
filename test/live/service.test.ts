import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Service } from "../../src/cli/service.ts";
import { CONFIG_SCHEMA, type Config } from "../../src/config/schema.ts";
import { startRecordedLlama } from "../../src/demo/recorded-llama.ts";
import { loadRecordings, type RecordedCall } from "../../src/demo/recorded.ts";
import { planFixes } from "../../src/fixes/index.ts";
import { openReader } from "../../src/recorder/reader.ts";
import { replay } from "../../src/replay/replay.ts";
import { PLAIN_LOOK } from "../../src/stats/format.ts";
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
import { headerIn, send } from "../support/raw-client.ts";
import { startTestService } from "../support/service.ts";

interface Running extends AsyncDisposable {
  readonly service: Service;
  readonly config: Config;
  readonly db: string;
  readonly said: string[];
  readonly written: string[];
}

async function startRunning(backend: URL, overrides: Record<string, Record<string, unknown>> = {}): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), "llama-proxy-test-"));
  const db = join(folder, "test.db");
  const parsed = CONFIG_SCHEMA.parse({
    ...overrides,
    server: { port: 0, ...overrides["server"] },
    recorder: { path: db, ...overrides["recorder"] },
    stats: { format: "json" },
  });
  const config = { ...parsed, backend: { url: backend.origin, timeout_seconds: 5, api_key_env: undefined } } as Config;
  const said: string[] = [];
  const written: string[] = [];
  const service = await startTestService({
    config,
    env: {},
    version: "0.0.0",
    write: (text) => written.push(text),
    look: () => ({ ...PLAIN_LOOK, terminal: false }),
    say: (line) => said.push(line),
  });
  return {
    service,
    config,
    db,
    said,
    written,
    async [Symbol.asyncDispose]() {
      await service.stop(0);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Status {
  readonly recorder: { readonly state: string; readonly dropped: Readonly<Record<string, number>> };
  readonly telemetry: { readonly state: string };
}

/** What `/_llama-proxy/status` says once `ready` holds; at most ten seconds. */
async function statusUntil(url: URL, ready: (status: Status) => boolean): Promise<Status> {
  for (let i = 0; ; i++) {
    const status = JSON.parse((await send(url, { path: "/_llama-proxy/status" })).body.toString()) as Status;
    if (ready(status) || i === 400) return status;
    await sleep(25);
  }
}

function askAgain(url: URL, call: RecordedCall): ReturnType<typeof send> {
  const headers = call.headers.filter(([name]) => !["host", "content-length"].includes(name.toLowerCase()));
  return send(url, { method: call.method, path: call.path, headers, body: call.body });
}

test("live = replay: what clients got is what today's fixes make of the recorded bytes, for every recording", async () => {
  const calls = [...loadRecordings(new URL("../streams/recordings/", import.meta.url)).values()]
    .flat()
    .filter((call) => call.method === "POST" && call.endedBy !== "client");
  const sent = new Map<string, Buffer>();
  let db = "";
  let config: Config | undefined;
  {
    await using llama = await startRecordedLlama(calls, { speed: Number.POSITIVE_INFINITY });
    await using running = await startRunning(llama.url);
    for (const call of calls) {
      const got = await askAgain(running.service.url, call);
      if (got.status > 0 && got.complete) sent.set(headerIn(got.headers, "x-llama-proxy-request-id") ?? "", got.body);
    }
    await running.service.stop(1000);
    db = running.db;
    config = running.config;
    using reader = openReader(db);
    let understood = 0;
    for (const [id, body] of sent) {
      const recording = reader.get(id);
      if (!recording) continue;
      understood += 1;
      const report = replay(recording, planFixes(config.fixes));
      expect(report.sameAsThen, `${recording.path} ${id}`).toBe(true);
      expect(Buffer.concat(report.frames.map((frame) => frame.sentNow)).equals(body), `${recording.path} ${id}`).toBe(true);
    }
    expect(understood).toBeGreaterThan(40);
  }
}, 60_000);

test("what came, what was forwarded and what was sent are kept byte for byte", async () => {
  const reply = chatFrame({ role: "assistant", content: "h\u00e9" }) + chatFrame({}, "stop") + DONE;
  await using llama = await startFakeLlama(
    (_request, socket) =>
      void socket.end(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(`: ping\n\n${reply}`), Buffer.from(LAST_CHUNK)])),
  );
  await using running = await startRunning(llama.url);
  const body = chatRequest({ odd: "sp\u00e4ce  kept" });
  const got = await send(running.service.url, {
    method: "POST",
    path: "/v1/chat/completions?x=1",
    headers: [["Authorization", "Bearer sk-planted-secret"]],
    body,
  });
  await running.service.stop(1000);
  using reader = openReader(running.db);
  const resolved = reader.resolve("last");
  const recording = resolved.kind === "found" ? reader.get(resolved.id) : undefined;
  expect(recording?.id).toBe(headerIn(got.headers, "x-llama-proxy-request-id"));
  expect(recording?.path).toBe("/v1/chat/completions?x=1");
  expect(Buffer.from(recording?.request.body ?? []).toString()).toBe(body);
  expect(Buffer.concat(recording?.response?.pieces.map((piece) => piece.upstream) ?? []).toString()).toBe(`: ping\n\n${reply}`);
  expect(headerIn(recording?.request.headers ?? [], "authorization")).toBe("[redacted]");
  expect(JSON.parse(running.written[0] ?? "")).toMatchObject({ request_id: recording?.id, outcome: "completed", streaming: true });
});

test("a request that fails is kept too", async () => {
  const llama = await startFakeLlama(() => {});
  await llama[Symbol.asyncDispose]();
  await using running = await startRunning(llama.url);
  await send(running.service.url, { method: "POST", path: "/v1/messages", body: '{"model":"m","messages":[]}' });
  await running.service.stop(1000);
  using reader = openReader(running.db);
  expect(reader.list({ errors: true })).toMatchObject([
    { outcome: "upstream-refused", path: "/v1/messages", dialect: "anthropic.messages" },
  ]);
});

test("a database that cannot be written: traffic goes on, it is said once, and status shows it", async () => {
  await using llama = await startFakeLlama((_request, socket) => void socket.end(jsonReply('{"choices":[]}')));
  await using running = await startRunning(llama.url, { recorder: { path: "/dev/null/test.db" } });
  for (let i = 0; i < 3; i++) {
    const got = await send(running.service.url, { method: "POST", path: "/v1/chat/completions", body: chatRequest({ stream: false }) });
    expect(got.status).toBe(200);
  }
  const { recorder } = await statusUntil(running.service.url, (status) => Object.keys(status.recorder.dropped).length > 0);
  expect(recorder.state).toMatch(/^(degraded|failed)/);
  expect(Object.values(recorder.dropped).reduce((a, b) => a + b, 0)).toBeGreaterThan(0);
  expect(running.said.filter((line) => line.includes("recording"))).toHaveLength(1);
});

test("telemetry to a collector that is not there: no effect on traffic, and the end comes within 3 s of the drain", async () => {
  await using llama = await startFakeLlama((_request, socket) => void socket.end(jsonReply('{"choices":[]}')));
  await using running = await startRunning(llama.url, { otel: { endpoint: "http://127.0.0.1:9" } });
  await statusUntil(running.service.url, (status) => status.telemetry.state === "on");
  const traced = await send(running.service.url, {
    method: "POST",
    path: "/v1/chat/completions",
    headers: [["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]],
    body: chatRequest({ stream: false }),
  });
  expect(traced.status).toBe(200);
  const forwarded = llama.requests[0]?.headers.filter((_, i, all) => i % 2 === 1 && all[i - 1]?.toLowerCase() === "traceparent") ?? [];
  expect(forwarded).toHaveLength(1);
  expect(forwarded[0]).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)/);
  const begun = performance.now();
  await running.service.stop(1000);
  expect(performance.now() - begun).toBeLessThan(3000);
  using reader = openReader(running.db);
  expect(reader.list()[0]?.traceId).toBe("0af7651916cd43dd8448eb211c80319c");
});

test("what the configuration says is not kept is not on disk", async () => {
  await using llama = await startFakeLlama((_request, socket) => void socket.end(jsonReply('{"choices":[],"secret":"sk-reply-123"}')));
  await using running = await startRunning(llama.url, {
    recorder: { redact: ["x-planted"], redact_pointers: ["/metadata/token"], redact_patterns: ["sk-[a-z]+-\\d+"] },
  });
  const body = chatRequest({ stream: false, metadata: { token: "planted-in-body" } });
  await send(running.service.url, { method: "POST", path: "/v1/chat/completions", headers: [["X-Planted", "planted-in-header"]], body });
  expect(llama.requests[0]?.body.toString()).toBe(body);
  await running.service.stop(1000);
  using reader = openReader(running.db);
  const recording = reader.get(reader.list()[0]?.id ?? "");
  const kept =
    JSON.stringify(recording?.request.headers) +
    Buffer.from(recording?.request.body ?? []).toString() +
    Buffer.concat(recording?.response?.pieces.map((piece) => piece.upstream) ?? []).toString();
  expect(kept).toContain("[redacted]");
  expect(kept).not.toMatch(/planted-in|sk-reply/);
});

test("record: errors keeps what failed and nothing else", async () => {
  await using llama = await startFakeLlama((request, socket) => {
    socket.end(
      request.body.includes("bad")
        ? jsonReply('{"error":{"message":"no","type":"server_error"}}', "500 Internal Server Error")
        : jsonReply('{"choices":[]}'),
    );
  });
  await using running = await startRunning(llama.url, { recorder: { record: "errors" } });
  for (const user of ["good", "bad", "good"])
    await send(running.service.url, { method: "POST", path: "/v1/chat/completions", body: chatRequest({ stream: false, user }) });
  await running.service.stop(1000);
  using reader = openReader(running.db);
  expect(reader.list().map((exchange) => exchange.metrics.status)).toEqual([500]);
});
