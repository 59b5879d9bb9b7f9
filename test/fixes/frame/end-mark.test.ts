import { expect, test } from "vitest";
import { foldChat, foldMessages } from "../../support/fold.ts";
import { chunk, DONE, event, mended, ROLE } from "./frames.ts";

const TEXT = chunk({ content: "Hi" });
const FINISH = chunk({}, "stop");

test("a second [DONE] and what follows the first are dropped", () => {
  for (const tail of [[DONE], [chunk({ content: "more" }), DONE], [chunk({}, "stop")]]) {
    const { sent, notes } = mended([ROLE, TEXT, FINISH, DONE, ...tail]);
    expect(foldChat(sent)).toMatchObject({ content: "Hi", done: 1, faults: [] });
    expect(notes.every(({ fix }) => fix === "end_mark")).toBe(true);
  }
});

test("an error behind [DONE] still reaches the client", () => {
  const { sent } = mended([ROLE, FINISH, DONE, 'data: {"error":{"message":"x"}}\n\n']);
  expect(foldChat(sent).error).toEqual({ message: "x" });
});

test("comments behind [DONE] stay", () => {
  expect(mended([ROLE, TEXT, FINISH, DONE, ":\n\n"]).untouched).toBe(true);
});

test("a missing [DONE] is added behind a finish, and behind the usage chunk after it", () => {
  expect(foldChat(mended([ROLE, TEXT, FINISH]).sent).done).toBe(1);
  const usage = `data: ${JSON.stringify({ id: "c-1", choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } })}\n\n`;
  expect(mended([ROLE, TEXT, FINISH, usage]).sent.toString().endsWith(`${usage}data: [DONE]\n\n`)).toBe(true);
});

test("a cut stream is never ended politely", () => {
  const other = `data: ${JSON.stringify({ id: "c-1", choices: [{ index: 1, delta: { role: "assistant", content: "x" }, finish_reason: null }] })}\n\n`;
  for (const frames of [[ROLE, TEXT], [ROLE, TEXT, other, FINISH], [ROLE], [ROLE, TEXT, 'data: {"error":{"message":"x"}}\n\n']]) {
    expect(mended(frames).untouched).toBe(true);
  }
});

test("Messages: message_stop behind message_delta, once", () => {
  const usage = { input_tokens: 1, output_tokens: 1 };
  const delta = event("message_delta", { delta: { stop_reason: "end_turn", stop_sequence: null }, usage });
  expect(foldMessages(mended([delta], "messages").sent).done).toBe(1);
  expect(foldMessages(mended([delta, event("message_stop"), event("message_stop")], "messages").sent).done).toBe(1);
  expect(mended([event("message_start", { message: { usage } })], "messages").untouched).toBe(true);
});

test("/v1/completions is left alone", () => {
  expect(mended(['data: {"choices":[{"index":0,"text":"x","finish_reason":"stop"}]}\n\n'], "completions").untouched).toBe(true);
});
