// The test case CASE, made by llama-proxy make-test --msw. Needs vitest and msw 3: npx vitest run
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, readReply, sha256 } from "./llama-case.mjs";
import { network, testCase } from "./CASE.msw.mjs";

beforeAll(() => network.enable());
afterAll(() => network.disable());

function expectReply({ status, bytes }) {
  const { expected } = testCase;
  expect(status).toBe(testCase.response.status);
  expect(sha256(bytes)).toBe(expected.sent_sha256);
  if (!testCase.dialect || status >= 400 || !expected.finish.length) return;
  const said = readReply(bytes);
  expect({ text: said.text, reasoning: said.reasoning, tools: said.tools }).toEqual({ text: expected.text, reasoning: expected.reasoning, tools: expected.tools });
}

test("CASE: the client gets the recorded reply", async () => {
  expectReply(await ask(testCase, "http://127.0.0.1:8080"));
});
