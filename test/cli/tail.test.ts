import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { startRecordedLlama } from "../../src/demo/recorded-llama.ts";
import { PLAIN } from "../../src/stats/text.ts";
import { startTestService } from "../support/service.ts";
import { callsOf, recordedDatabase } from "./support.ts";

test("tail prints a line for what ends while it looks, no prompt text, and Ctrl-C ends it with 130", async () => {
  const calls = callsOf("chat-hello-stream");
  const { db, ids } = await recordedDatabase(calls);
  const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, "tail", "--frames", "--db", db]);
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  const waiting = new Promise<void>((resolve) => child.stderr.once("data", () => resolve()));
  const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
  try {
    await waiting;
    await using llama = await startRecordedLlama(calls, { speed: Number.POSITIVE_INFINITY });
    const { config } = loadConfig({ env: {}, flags: { port: "0", backend: llama.url.origin, db } });
    const look = () => ({ width: 80, style: PLAIN, lines: true, terminal: false });
    const service = await startTestService({ config, env: {}, version: "0", write: () => {}, look, say: () => {} });
    const response = await fetch(new URL("/v1/chat/completions", service.url), {
      method: "POST",
      body: new Uint8Array(calls[0]?.body ?? []),
    });
    await response.arrayBuffer();
    await service.stop(1000);
    await expect.poll(() => out, { timeout: 5000 }).toContain("[DONE]");
    expect(out).toContain(`id=${response.headers.get("x-llama-proxy-request-id")}`);
    expect(out).toContain("toks=48/18");
    expect(out).not.toContain(ids[0]);
  } finally {
    child.kill("SIGINT");
  }
  expect(await closed).toBe(130);
});
