import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Service } from "../../src/cli/service.ts";
import { CONFIG_SCHEMA, type Config } from "../../src/config/schema.ts";
import { PLAIN_LOOK } from "../../src/stats/format.ts";
import { chatRequest, jsonReply, startFakeLlama } from "../support/fake-llama.ts";
import { send } from "../support/raw-client.ts";
import { startTestService } from "../support/service.ts";

function start(backend: URL, otel: Record<string, unknown>): Promise<Service> {
  const parsed = CONFIG_SCHEMA.parse({ server: { port: 0 }, recorder: { enabled: false }, stats: { enabled: false }, otel });
  const config = { ...parsed, backend: { url: backend.origin, timeout_seconds: 5, api_key_env: undefined } } as Config;
  return startTestService({
    config,
    env: {},
    version: "0.0.0",
    write: () => undefined,
    look: () => ({ ...PLAIN_LOOK, terminal: false }),
    say: () => undefined,
  });
}

async function metricsOf(url: URL): Promise<string> {
  for (let tries = 0; tries < 200; tries++) {
    const { status, body } = await send(url, { path: "/_llama-proxy/metrics" });
    if (status === 200) return body.toString();
    expect(status).toBe(503);
    await sleep(25);
  }
  throw new Error("the metrics never came");
}

test("otel.pull: the metrics of what went through are served, without a collector, and asking for them is no exchange", async () => {
  await using llama = await startFakeLlama((_request, socket) => void socket.end(jsonReply('{"choices":[]}')));
  const service = await start(llama.url, { pull: true });
  try {
    await metricsOf(service.url);
    await send(service.url, { method: "POST", path: "/v1/chat/completions", body: chatRequest({ stream: false }) });
    const text = await metricsOf(service.url);
    expect(text).toMatch(/^http_server_request_duration_seconds_count\{[^}]*http_route="\/v1\/chat\/completions"[^}]*\} 1$/m);
    expect(text).toMatch(/^http_client_request_duration_seconds_count\{.*\} 1$/m);
    expect(text).not.toContain("_llama-proxy/");
  } finally {
    await service.stop(0);
  }
});

test("without otel.pull the route is off", async () => {
  await using llama = await startFakeLlama(() => {});
  const service = await start(llama.url, {});
  try {
    expect((await send(service.url, { path: "/_llama-proxy/metrics" })).status).toBe(404);
  } finally {
    await service.stop(0);
  }
});
