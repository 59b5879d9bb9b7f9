import { describe, expect, test } from "vitest";
import { payloadsOf } from "../../support/fold.ts";
import { event, mended, mendedBody } from "./frames.ts";

const message = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "m",
  content: [{ type: "text", text: "Hi" }],
  stop_reason: "end_turn",
  stop_sequence: null,
};

describe("whole", () => {
  test.each([[{}], [{ usage: null }], [{ usage: {} }]])("%j gets zeros", (rest) => {
    const { body, notes, out } = mendedBody({ ...message, ...rest }, "messages");
    expect(body.usage).toEqual({ input_tokens: 0, output_tokens: 0 });
    expect(notes).toMatchObject([{ fix: "usage_missing", rule: "usage" }]);
    // Made-up counts never reach the statistics.
    expect(out.filter(({ kind }) => kind === "usage")).toEqual([]);
  });

  test("counts that are there stay", () => {
    expect(mendedBody({ ...message, usage: { input_tokens: 8 } }, "messages").body.usage).toEqual({ input_tokens: 8, output_tokens: 0 });
    expect(mendedBody({ ...message, usage: { input_tokens: 8, output_tokens: 2 } }, "messages").untouched).toBe(true);
  });

  test("stop_sequence", () => {
    const { stop_sequence: _gone, ...rest } = message;
    const { body } = mendedBody({ ...rest, usage: { input_tokens: 8, output_tokens: 2 } }, "messages");
    expect(body.stop_sequence).toBeNull();
  });

  test("errors and other APIs are left alone", () => {
    expect(mendedBody({ type: "error", error: { type: "x", message: "y" } }, "messages").untouched).toBe(true);
    expect(mendedBody({ choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "x" } }] }).untouched).toBe(
      true,
    );
  });
});

test("streamed: message_start and message_delta", () => {
  const { sent, out } = mended(
    [
      event("message_start", { message: { id: "m", content: [] } }),
      event("message_delta", { delta: { stop_reason: "end_turn" } }),
      event("message_stop"),
    ],
    "messages",
  );
  expect(payloadsOf(sent)).toMatchObject([
    { message: { usage: { input_tokens: 0, output_tokens: 0 } } },
    { usage: { output_tokens: 0 }, delta: { stop_reason: "end_turn" } },
    { type: "message_stop" },
  ]);
  expect(out.filter(({ kind }) => kind === "usage")).toEqual([]);
});

test("real counts beside a made-up one still count", () => {
  const { out } = mended(
    [
      event("message_start", { message: { id: "m", usage: { input_tokens: 3, output_tokens: 0 } } }),
      event("message_delta", { delta: { stop_reason: "end_turn" } }),
      event("message_stop"),
    ],
    "messages",
  );
  expect(out.filter(({ kind }) => kind === "usage")).toEqual([{ kind: "usage", usage: { promptTokens: 3 } }]);
});
