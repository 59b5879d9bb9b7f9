import { expect, test } from "vitest";
import { foldChat, foldMessages, foldResponses } from "../../support/fold.ts";
import { call, chunk, DONE, event, mended, ROLE } from "./frames.ts";

const HALF = call({ index: 0, id: "a", type: "function", function: { name: "f", arguments: '{"path":"a' } });

test("a body that ends inside a frame ends with an error, the half frame is dropped", () => {
  const { sent, notes } = mended([ROLE, chunk({ content: "Hi" }), 'data: {"id":"c-1","choices":[{"index":0,"del']);
  expect(foldChat(sent)).toMatchObject({
    content: "Hi",
    finish: undefined,
    done: 0,
    error: { message: expect.stringMatching(/cut off inside an event/u) },
  });
  expect(notes).toMatchObject([{ fix: "cut_stream", action: "refused", rule: "half-frame" }]);
});

test("a body that ends inside a call ends with an error", () => {
  const { sent } = mended([ROLE, HALF]);
  expect(foldChat(sent)).toMatchObject({ calls: [{ arguments: '{"path":"a' }], error: { message: expect.stringMatching(/tool call/u) } });
});

test("every API in its own words", () => {
  const block = event("content_block_start", { index: 0, content_block: { type: "tool_use", id: "a", name: "f" } });
  const delta = event("content_block_delta", { index: 0, delta: { type: "input_json_delta", partial_json: "{" } });
  expect(foldMessages(mended([block, delta], "messages").sent).error).toMatchObject({ type: "upstream_error" });
  const item = { type: "function_call", id: "fc_1", call_id: "call_1", name: "f", arguments: "" };
  const responses = mended(
    [event("response.output_item.added", { item }), event("response.function_call_arguments.delta", { item_id: "fc_1", delta: "{" })],
    "responses",
  );
  expect(foldResponses(responses.sent).error).toMatchObject({ type: "upstream_error" });
});

test("a half call behind a finish or an error is nobody's cut", () => {
  expect(mended([ROLE, HALF, chunk({}, "length"), DONE]).untouched).toBe(true);
  expect(mended([ROLE, HALF, 'data: {"error":{"message":"x"}}\n\n']).untouched).toBe(true);
});

test("a stream that merely stops between two frames of text is left as it is", () => {
  expect(mended([ROLE, chunk({ content: "Hi" })]).untouched).toBe(true);
});
