import { expect, test } from "vitest";
import { foldMessages } from "../../support/fold.ts";
import { event, mended, mendedBody } from "./frames.ts";

const usage = { input_tokens: 1, output_tokens: 1 };
const start = (index: number, content_block: object) => event("content_block_start", { index, content_block });
const delta = (index: number, said: object) => event("content_block_delta", { index, delta: said });
const stop = (index: number) => event("content_block_stop", { index });
const text = (value: string) => ({ type: "text_delta", text: value });
const thinking = (value: string) => ({ type: "thinking_delta", thinking: value });
const END = [event("message_delta", { delta: { stop_reason: "end_turn", stop_sequence: null }, usage }), event("message_stop")];

test("a thought inside a text block gets a block of its own", () => {
  const { sent, notes } = mended(
    [start(0, { type: "text", text: "" }), delta(0, thinking("Hmm")), delta(0, text("Hi")), stop(0), ...END],
    "messages",
  );
  expect(foldMessages(sent)).toMatchObject({ content: "Hi", reasoning: "Hmm", faults: [], done: 1 });
  expect(notes).toMatchObject([{ fix: "messages_blocks", rule: "wrong-type" }]);
});

test("text inside a tool_use block does not become arguments", () => {
  const { sent } = mended(
    [
      start(0, { type: "tool_use", id: "a", name: "f" }),
      delta(0, { type: "input_json_delta", partial_json: "{}" }),
      delta(0, text("Hi")),
      stop(0),
      ...END,
    ],
    "messages",
  );
  expect(foldMessages(sent)).toMatchObject({ content: "Hi", calls: [{ id: "a", arguments: "{}" }], faults: [] });
});

test("a block that was never closed is closed before the message ends", () => {
  const { sent } = mended(
    [
      start(0, { type: "thinking", thinking: "" }),
      delta(0, thinking("Hmm")),
      start(1, { type: "text", text: "" }),
      delta(1, text("Hi")),
      stop(1),
      ...END,
    ],
    "messages",
  );
  expect(foldMessages(sent)).toMatchObject({ content: "Hi", reasoning: "Hmm", faults: [] });
});

test("a delta without a block opens one", () => {
  const { sent } = mended([delta(0, text("Hi")), ...END], "messages");
  expect(foldMessages(sent)).toMatchObject({ content: "Hi", faults: [] });
});

test("two blocks with one index", () => {
  const { sent } = mended(
    [
      start(0, { type: "text", text: "" }),
      delta(0, text("A")),
      stop(0),
      start(0, { type: "tool_use", id: "a", name: "f" }),
      delta(0, { type: "input_json_delta", partial_json: "{}" }),
      stop(0),
      event("message_delta", { delta: { stop_reason: "tool_use" }, usage }),
      event("message_stop"),
    ],
    "messages",
  );
  expect(foldMessages(sent)).toMatchObject({ content: "A", calls: [{ id: "a", arguments: "{}" }], faults: [] });
});

test("llama-server's overlapping blocks stay, signature at the end included", () => {
  const frames = [
    start(0, { type: "thinking", thinking: "" }),
    delta(0, thinking("Hmm")),
    start(1, { type: "text", text: "" }),
    delta(1, text("Hi")),
    delta(0, { type: "signature_delta", signature: "" }),
    stop(0),
    stop(1),
    ...END,
  ];
  expect(mended(frames, "messages").untouched).toBe(true);
});

test("an input that is text becomes the object in it; one that is no object waits for the argument rules", () => {
  const body = (input: unknown) => ({
    type: "message",
    role: "assistant",
    content: [{ type: "tool_use", id: "a", name: "f", input }],
    stop_reason: "tool_use",
    stop_sequence: null,
    usage,
  });
  expect(mendedBody(body('{"n":12345678901234567890}'), "messages").text).toContain('"input":{"n":12345678901234567890}');
  expect(mendedBody(body({ n: 1 }), "messages").untouched).toBe(true);
  expect(mendedBody(body('{"n":'), "messages").untouched).toBe(true);
});

test("a whole message says that it is one", () => {
  const { body } = mendedBody({ content: [{ type: "text", text: "Hi" }], stop_reason: "end_turn", stop_sequence: null, usage }, "messages");
  expect(body).toMatchObject({ type: "message", role: "assistant" });
});
