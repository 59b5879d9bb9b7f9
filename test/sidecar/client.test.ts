import { expect, test } from "vitest";
import { clientOf, sessionOf } from "../../src/sidecar/client.ts";

// As the newest clients send them (November 2026).
test.each([
  ["User-Agent", "claude-cli/2.1.328 (external, sdk-cli)", "claude-cli"],
  ["User-Agent", "opencode/1.18.33 ai-sdk/provider-utils/4.0.23 runtime/bun/1.3.14", "opencode"],
  ["user-agent", "QwenCode/0.24.4 (linux; x64)", "QwenCode"],
  ["user-agent", "OpenAI/JS 6.49.0", "OpenAI/JS"],
  ["User-Agent", "Anthropic/JS 1.10.0", "Anthropic/JS"],
  ["user-agent", "curl", "curl"],
  ["user-agent", "", undefined],
])("%s: %s is %s", (name, value, client) => {
  expect(clientOf([name, value])).toBe(client);
});

test("originator names Codex before its user agent does", () => {
  expect(clientOf(["user-agent", "codex_exec/0.169.0 (Debian)", "originator", "codex_exec"])).toBe("codex_exec");
});

test.each([
  [["X-Claude-Code-Session-Id", "c1"], "c1"],
  [["x-session-affinity", "a", "x-session-id", "s"], "s"],
  [["session-id", "x", "thread-id", "t"], "x"],
  [["accept", "*/*"], undefined],
])("session of %j is %s", (headers, session) => {
  expect(sessionOf(headers)).toBe(session);
});

test("what a client may make long is cut", () => {
  expect(clientOf(["user-agent", "a".repeat(500)])).toHaveLength(64);
  expect(sessionOf(["x-session-id", "b".repeat(5000)])).toHaveLength(200);
});
