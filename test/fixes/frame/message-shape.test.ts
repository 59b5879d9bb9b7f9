import { expect, test } from "vitest";
import { foldChat, payloadsOf } from "../../support/fold.ts";
import { call, chunk, DONE, mended, mendedBody, ROLE } from "./frames.ts";

const rolesIn = (sent: Uint8Array) =>
  payloadsOf(sent).map((payload) => (payload === "[DONE]" ? payload : payload["choices"][0]?.delta.role));

test("a role with every piece of text stays with the first", () => {
  const text = (content: string) => chunk({ role: "assistant", content });
  const { sent, notes } = mended([text("He"), text("llo"), text("!"), chunk({}, "stop"), DONE]);
  expect(rolesIn(sent)).toEqual(["assistant", undefined, undefined, undefined, "[DONE]"]);
  expect(foldChat(sent).content).toBe("Hello!");
  expect(notes).toMatchObject([{ fix: "message_shape", rule: "role-repeated" }]);
});

test("a role that is missing comes with the first delta", () => {
  const { sent } = mended([chunk({ content: "He" }), chunk({ content: "llo" }), chunk({}, "stop"), DONE]);
  expect(rolesIn(sent)).toEqual(["assistant", undefined, undefined, "[DONE]"]);
});

test("llama-server's progress frames repeat the role and stay", () => {
  const progress = chunk({ role: "assistant", content: null }, null, { prompt_progress: { total: 9, processed: 3 } });
  expect(mended([progress, progress, ROLE, chunk({ content: "x" }), chunk({}, "stop"), DONE]).untouched).toBe(true);
});

test("null tool_calls and function_call are legal", () => {
  expect(
    mended([ROLE, chunk({ content: "x", tool_calls: null, function_call: null }), chunk({ content: "!" }, "stop"), DONE]).untouched,
  ).toBe(true);
});

test("a call without type gets one, in its first delta only", () => {
  const { sent } = mended([
    ROLE,
    call({ index: 0, id: "a", function: { name: "f", arguments: "{" } }),
    call({ index: 0, function: { arguments: "}" } }),
    chunk({}, "tool_calls"),
    DONE,
  ]);
  expect(payloadsOf(sent).slice(1, 3)).toMatchObject([
    { choices: [{ delta: { tool_calls: [{ type: "function" }] } }] },
    { choices: [{ delta: { tool_calls: [{ index: 0, function: { arguments: "}" } }] } }] },
  ]);
  expect(foldChat(sent).faults).toEqual([]);
});

test("a whole message gets what it lacks", () => {
  const message = { tool_calls: [{ id: "c1", function: { name: "f", arguments: "{}" } }] };
  const { body } = mendedBody({ choices: [{ index: 0, finish_reason: "tool_calls", message }] });
  expect(body.choices[0].message).toEqual({
    role: "assistant",
    content: null,
    tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: "{}" } }],
  });
});

test("null content and empty tool_calls of a whole message stay", () => {
  const message = { role: "assistant", content: null, tool_calls: [] };
  expect(mendedBody({ choices: [{ index: 0, finish_reason: "stop", message }] }).untouched).toBe(true);
});
