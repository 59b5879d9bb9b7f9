import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { chatRequest, jsonReply, startFakeLlama } from "../support/fake-llama.ts";
import { startOtlpReceiver } from "../support/otlp-receiver.ts";
import { send } from "../support/raw-client.ts";

const MAIN = new URL("../../src/cli/main.ts", import.meta.url).pathname;

async function telemetryState(url: URL): Promise<string> {
  const { body } = await send(url, { path: "/_llama-proxy/status" });
  return (JSON.parse(body.toString()) as { telemetry: { state: string } }).telemetry.state;
}

test("OTEL_CONFIG_FILE alone turns telemetry on, and decides where it goes", async () => {
  await using receiver = await startOtlpReceiver();
  await using llama = await startFakeLlama((_request, socket) => void socket.end(jsonReply('{"choices":[]}')));
  const folder = await mkdtemp(join(tmpdir(), "llama-proxy-otel-file-"));
  const file = join(folder, "otel.yaml");
  await writeFile(
    file,
    [
      'file_format: "1.0"',
      "resource: { attributes: [{ name: service.name, value: from-file }] }",
      "propagator: { composite: [{ tracecontext: }] }",
      `tracer_provider: { processors: [{ batch: { exporter: { otlp_http: { endpoint: "${receiver.url}/v1/traces" } } } }] }`,
    ].join("\n"),
  );
  const args = [MAIN, "run", "--port", "0", "--backend", llama.url.origin, "--record", "off"];
  const child = spawn(process.execPath, args, { cwd: folder, env: { PATH: process.env["PATH"], HOME: folder, OTEL_CONFIG_FILE: file } });
  try {
    let said = "";
    const url = await new Promise<URL>((resolve, reject) => {
      child.stderr.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        const address = / on (http:\/\/\S+),/.exec(said)?.[1];
        if (address !== undefined) resolve(new URL(address));
      });
      child.on("exit", (code) => reject(new Error(`exited with ${code}: ${said}`)));
    });
    for (let tries = 0; tries < 200 && (await telemetryState(url)) !== "on"; tries++) await sleep(25);
    await send(url, { method: "POST", path: "/v1/chat/completions", body: chatRequest({ stream: false }) });
    const ended = new Promise((done) => child.on("exit", done));
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
    expect(receiver.received.spans.map(({ name }) => name)).toContain("POST /v1/chat/completions");
    expect(new Set(receiver.received.spans.map(({ resource }) => resource["service.name"]?.value))).toEqual(new Set(["from-file"]));
  } finally {
    child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  }
}, 30_000);
