/** Keys stay where they belong: planted ones are looked for in everything that the sidecar says or keeps. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

import { loadConfig } from "../../src/config/load.ts";
import { openReader } from "../../src/recorder/reader.ts";
import { PLAIN_LOOK } from "../../src/stats/format.ts";
import { chatRequest, jsonReply, startFakeLlama } from "../support/fake-llama.ts";
import { send } from "../support/raw-client.ts";
import { startTestService } from "../support/service.ts";

const SECRETS = ["planted-proxy-key", "planted-backend-key", "planted-wrong-key", "planted-client-cookie"] as const;
const [PROXY_KEY, BACKEND_KEY, WRONG_KEY, COOKIE] = SECRETS;

test("no key in logs, errors, status, recordings or refusals", async () => {
  const folder = await mkdtemp(join(tmpdir(), "llama-proxy-secrets-"));
  const file = join(folder, "config.yaml");
  const env = { DOOR: PROXY_KEY, BACKEND: BACKEND_KEY };
  const seen: string[] = [];
  await using llama = await startFakeLlama((request, socket) => {
    if (request.path === "/dies") socket.resetAndDestroy();
    else socket.end(jsonReply('{"choices":[]}'));
  });
  const yaml = (more: string): string =>
    `server: {port: 0, api_keys_env: DOOR}\nbackend: {url: "${llama.url.origin}", api_key_env: BACKEND}\nrecorder: {path: ${join(folder, "x.db")}, all_routes: true}\nstats: {format: json}\n${more}`;
  await writeFile(file, yaml(""));
  const reread = () => loadConfig({ file, env }).config;
  const service = await startTestService({
    config: reread(),
    env,
    version: "0",
    write: (text) => seen.push(text),
    look: () => ({ ...PLAIN_LOOK, terminal: false }),
    say: (line) => seen.push(line),
    debug: true,
    reread,
  });
  const headers = [
    ["Authorization", `Bearer ${PROXY_KEY}`],
    ["Cookie", `session=${COOKIE}`],
  ] as const;
  const body = chatRequest({ stream: false });
  const asked = [
    await send(service.url, { method: "POST", path: "/v1/chat/completions", headers, body }),
    await send(service.url, { method: "POST", path: "/v1/chat/completions", headers: [["x-api-key", WRONG_KEY]], body }),
    await send(service.url, { path: "/dies", headers }),
    await send(service.url, { path: "/_llama-proxy/status", headers }),
    await send(service.url, { method: "GET", path: "/p HTTP/9", headers }),
  ];
  expect(asked.map(({ status }) => status)).toEqual([200, 401, 502, 200, 400]);
  seen.push(...asked.map(({ bytes }) => bytes.toString("latin1")));
  await writeFile(file, yaml("otel: [\n"));
  expect((await service.reload()).applied).toBe(false);
  service.fault(new Error("a fault with its stack"));
  await service.stop(1_000);
  for (const name of await readdir(folder)) if (name !== "config.yaml") seen.push(await readFile(join(folder, name), "latin1"));
  {
    using reader = openReader(join(folder, "x.db"));
    for (const recording of reader.iterate({})) seen.push(JSON.stringify(recording));
  }
  expect(seen.join("\n")).toContain("[redacted]");
  // The backend was asked with its own key, and with no other.
  expect(llama.requests.flatMap((request) => request.headers).join("\n")).toContain(BACKEND_KEY);
  expect(llama.requests.flatMap((request) => request.headers).join("\n")).not.toContain(PROXY_KEY);
  expect(SECRETS.filter((secret) => seen.some((text) => text.includes(secret)))).toEqual([]);
  await rm(folder, { recursive: true });
});
