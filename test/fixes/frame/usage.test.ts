import { describe, expect, test } from "vitest";
import { payloadsOf } from "../../support/fold.ts";
import { chunk, DONE, event, mended, mendedBody, ROLE } from "./frames.ts";

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
    const { body, notes, out, deltas } = mendedBody({ ...message, ...rest }, "messages");
    expect(body.usage).toEqual({ input_tokens: 0, output_tokens: 0 });
    expect(notes).toMatchObject([{ fix: "usage_missing", rule: "usage" }]);
    // Made-up counts never reach the statistics.
    expect([...deltas, ...out].filter(({ kind }) => kind === "usage")).toEqual([]);
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
  const { sent, out, deltas } = mended(
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
  expect([...deltas, ...out].filter(({ kind }) => kind === "usage")).toEqual([]);
});

test("real counts beside a made-up one still count", () => {
  const { out, deltas } = mended(
    [
      event("message_start", { message: { id: "m", usage: { input_tokens: 3, output_tokens: 0 } } }),
      event("message_delta", { delta: { stop_reason: "end_turn" } }),
      event("message_stop"),
    ],
    "messages",
  );
  expect([...deltas, ...out].filter(({ kind }) => kind === "usage")).toEqual(
    Array.from({ length: 2 }, () => ({ kind: "usage", usage: { promptTokens: 3 } })),
  );
});

describe("chat", () => {
  const timings = { cache_n: 40, prompt_n: 8, predicted_n: 5, prompt_ms: 1, predicted_ms: 2 };
  const usage = { prompt_tokens: 48, completion_tokens: 5, total_tokens: 53, prompt_tokens_details: { cached_tokens: 40 } };
  const whole = { choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "x" } }] };
  const asked = { stream_options: { include_usage: true } };

  test("a whole reply gets what its timings say, one without timings stays", () => {
    expect(mendedBody({ ...whole, timings }).body.usage).toEqual(usage);
    expect(mendedBody(whole).untouched).toBe(true);
    expect(mendedBody({ ...whole, timings, usage }).untouched).toBe(true);
  });

  test("the last chunk of a stream that was asked for usage", () => {
    const frames = [ROLE, chunk({ content: "x" }), chunk({}, "stop", { timings }), DONE];
    expect(payloadsOf(mended(frames, "chat", asked).sent).at(-2)).toMatchObject({ usage, timings });
    expect(mended(frames).untouched).toBe(true);
  });

  test("llama-server's own usage chunk is enough", () => {
    const last = `data: ${JSON.stringify({ id: "c-1", choices: [], usage, timings })}\n\n`;
    expect(mended([ROLE, chunk({ content: "x" }), chunk({}, "stop"), last, DONE], "chat", asked).untouched).toBe(true);
  });
});
