import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callsOf, cli, recordedDatabase } from "./support.ts";
import { startRecordedLlama } from "../../src/demo/recorded-llama.ts";

/** What a llama-server answers by path; anything else is its 404. */
const REPLIES: Readonly<Record<string, readonly [number, unknown]>> = {
  "/health": [200, { status: "ok" }],
  "/props": [
    200,
    {
      default_generation_settings: { n_ctx: 4096 },
      total_slots: 2,
      model_alias: "tiny",
      build_info: "b10470",
      chat_template: "{{x}}",
      chat_template_caps: { supports_tools: true, supports_typed_content: false },
    },
  ],
  "/slots": [501, { error: { code: 501, message: "This server does not support slots endpoint. Start it with `--slots`" } }],
  "/v1/models": [200, { data: [{ id: "tiny" }] }],
  "/v1/chat/completions": [200, { choices: [], timings: {} }],
};

let server: Server;
let url: string;
const asked: { path: string; authorization: string | undefined; body: string }[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      asked.push({ path: request.url ?? "", authorization: request.headers.authorization, body });
      const [status, reply] = REPLIES[request.url ?? ""] ?? [404, { error: { message: "File Not Found" } }];
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(reply));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe("test-backend", () => {
  test("says what this llama-server supports", async () => {
    const ran = await cli(["test-backend", "--backend", url]);
    const text = ran.stdout.toString();
    expect(ran.code).toBe(0);
    for (const part of ["2 slots of 4,096 tokens", "tiny", "b10470", "chat template: tools", "Start it with `--slots`", "with timings"])
      expect(text).toContain(part);
    expect(JSON.parse(asked.find((each) => each.path === "/v1/chat/completions")?.body ?? "")).toMatchObject({
      model: "tiny",
      max_tokens: 1,
    });
  });

  test("--json, host and port apart, and the key from the environment", async () => {
    asked.length = 0;
    const { port } = new URL(url);
    const ran = await cli(["test-backend", "--backend-host", "127.0.0.1", "--backend-port", port, "--no-chat", "--json"], {
      LLAMA_PROXY_BACKEND_API_KEY_ENV: "MY_KEY",
      MY_KEY: "s3cret",
    });
    const document = JSON.parse(ran.stdout.toString());
    expect(document).toMatchObject({ schema_version: 1, backend: url });
    expect(document.checks.map((check: { name: string }) => check.name)).toEqual(["/health", "/props", "/slots", "/v1/models"]);
    expect(new Set(asked.map((each) => each.authorization))).toEqual(new Set(["Bearer s3cret"]));
    expect(ran.stdout.toString()).not.toContain("s3cret");
  });

  test("exits 6 when nothing is there, and names the cure", async () => {
    const ran = await cli(["test-backend", "--backend", "http://127.0.0.1:9"]);
    expect([ran.code, ran.stdout.length]).toEqual([6, 0]);
    expect(ran.stderr).toMatch(/no llama-server at http:\/\/127.0.0.1:9 .*start it, or name it with --backend URL/);
  });
});

describe("doctor", () => {
  test("each finding that is not fine has a cure", async () => {
    const ran = await cli(["doctor", "--json"], {
      LLAMA_PROXY_BACKEND_URL: url,
      LLAMA_PROXY_SERVER_PORT: "9",
      LLAMA_PROXY_OTEL_ENDPOINT: "http://127.0.0.1:9",
    });
    const { findings } = JSON.parse(ran.stdout.toString()) as { findings: { about: string; state: string; cure?: string }[] };
    expect(findings.filter((finding) => finding.state !== "ok" && finding.cure === undefined)).toEqual([]);
    const states = Object.fromEntries(findings.map((finding) => [finding.about, finding.state]));
    expect(states).toMatchObject({ backend: "ok", template: "ok", context: "note", sidecar: "note", telemetry: "problem", recorder: "ok" });
    expect(ran.code).toBe(1);
  });

  test("exits 6 when the backend cannot be reached", async () => {
    const ran = await cli(["doctor"], { LLAMA_PROXY_BACKEND_URL: "http://127.0.0.1:9", LLAMA_PROXY_SERVER_PORT: "9001" });
    expect(ran.code).toBe(6);
    expect(ran.stdout.toString()).toMatch(/problem .*backend/);
  });
});

test("replay --live: the same answer exits 0; keys are not sent, for they were never kept", async () => {
  const calls = callsOf("chat-hello-stream");
  const { db } = await recordedDatabase(calls);
  await using llama = await startRecordedLlama(calls, { speed: Number.POSITIVE_INFINITY });
  const ran = await cli(["replay", "last", "--live", "--backend", llama.url.origin, "--db", db, "--json"]);
  const document = JSON.parse(ran.stdout.toString());
  expect(document.live).toMatchObject({ same_answer: true, status: 200 });
  expect(document.live.answer_now.text).toBe(document.live.answer_then.text);
  expect(ran.code).toBe(0);
  const text = await cli(["replay", "last", "--live", "--backend", llama.url.origin, "--db", db]);
  expect(text.stdout.toString()).toMatch(/same answer {7}yes/);
});
