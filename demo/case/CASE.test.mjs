// The test case CASE, made by llama-proxy make-test. Needs vitest only: npx vitest run
// With LLAMA_PROXY set to the command (such as "npx llama-proxy") it also runs the recorded upstream bytes through it.
import { readFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { expect, test } from "vitest";
import { ask, readReply, sha256, startBackend } from "./llama-case.mjs";

const testCase = JSON.parse(readFileSync(new URL("./CASE.case.json", import.meta.url), "utf8"));

function expectReply({ status, bytes }) {
  const { expected } = testCase;
  expect(status).toBe(testCase.response.status);
  expect(sha256(bytes)).toBe(expected.sent_sha256);
  if (!testCase.dialect || status >= 400 || !expected.finish.length) return;
  const said = readReply(bytes);
  expect({ text: said.text, reasoning: said.reasoning, tools: said.tools }).toEqual({ text: expected.text, reasoning: expected.reasoning, tools: expected.tools });
}

test("CASE: the client gets the recorded reply", async () => {
  const backend = await startBackend(testCase);
  try {
    expectReply(await ask(testCase, backend.url));
  } finally {
    await backend.close();
  }
});

test.skipIf(!process.env.LLAMA_PROXY)("CASE: llama-proxy makes of the backend's bytes what it made then", async () => {
  const backend = await startBackend(testCase, { side: "upstream" });
  const proxy = spawn(`exec ${process.env.LLAMA_PROXY} run --port 0 --record off --backend ${backend.url}`, { shell: true, stdio: ["ignore", "ignore", "pipe"] });
  try {
    const origin = await new Promise((resolve, reject) => {
      let told = "";
      proxy.stderr.on("data", (chunk) => {
        told += chunk;
        const url = /on (http:\/\/[^\s,]+)/.exec(told)?.[1];
        if (url) resolve(url);
      });
      proxy.once("exit", () => reject(new Error(told)));
    });
    expectReply(await ask(testCase, origin));
  } finally {
    proxy.kill();
    await backend.close();
  }
});
