import { expect, test } from "vitest";
import { foldChat } from "../../support/fold.ts";
import { call, chunk, DONE, mended, mendedBody, ROLE } from "./frames.ts";

const FINISH = chunk({}, "stop");

test("bytes that are no UTF-8 become U+FFFD", () => {
  const frame = Buffer.from(chunk({ content: "a\u0001b" }).replace("\\u0001", "\u0001"), "latin1");
  frame[frame.indexOf(1)] = 0xe5;
  const { sent, notes } = mended([ROLE, frame, FINISH, DONE]);
  expect(new TextDecoder("utf-8", { fatal: true }).decode(sent)).toContain("a\uFFFDb");
  expect(notes).toMatchObject([{ fix: "invalid_unicode", rule: "not-utf8" }]);
});

test("a pair cut between two deltas is one character", () => {
  const { sent, notes } = mended([ROLE, chunk({ content: "go \ud83d" }), chunk({ content: "\ude80!" }), FINISH, DONE]);
  expect(foldChat(sent)).toMatchObject({ content: "go 🚀!", faults: [] });
  expect(sent.toString()).not.toMatch(/\\ud/u);
  expect(notes).toMatchObject([{ rule: "cut-pair" }]);
});

test("in arguments and in reasoning too, each for itself", () => {
  const args = (text: string, rest: object = {}) => call({ index: 0, ...rest, function: { arguments: text } });
  const { sent } = mended([
    ROLE,
    chunk({ reasoning_content: "\ud83d" }),
    chunk({ reasoning_content: "\ude80" }),
    call({ index: 0, id: "a", type: "function", function: { name: "f", arguments: '{"x":"\ud83d' } }),
    args('\ude80"}'),
    chunk({}, "tool_calls"),
    DONE,
  ]);
  expect(foldChat(sent)).toMatchObject({ reasoning: "🚀", calls: [{ arguments: '{"x":"🚀"}' }] });
});

test("a half that stays alone becomes U+FFFD, before the finish", () => {
  for (const frames of [
    [chunk({ content: "a\ud83d" }), FINISH, DONE],
    [chunk({ content: "a\ud83d" })],
    [chunk({ content: "a\ud83d" }), chunk({ content: "" }), FINISH],
  ]) {
    expect(foldChat(mended([ROLE, ...frames]).sent)).toMatchObject({ content: "a\uFFFD", faults: [] });
  }
  expect(foldChat(mended([ROLE, chunk({ content: "\ude80x\ud83dy" }), FINISH, DONE]).sent).content).toBe("\uFFFDx\uFFFDy");
});

test("whole messages", () => {
  const { body } = mendedBody({ choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "a\ud83d" } }] });
  expect(body.choices[0].message.content).toBe("a\uFFFD");
});

test("well-formed text stays, a real U+FFFD and an escaped one included", () => {
  expect(mended([ROLE, chunk({ content: "🚀 \uFFFD 名前" }), FINISH, DONE]).untouched).toBe(true);
});

test("a character cut by the network is not cut at all", () => {
  expect(mended([ROLE, chunk({ content: "🚀" }), FINISH, DONE], "chat", {}, 1).untouched).toBe(true);
});
