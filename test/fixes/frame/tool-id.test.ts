import { expect, test } from "vitest";
import { foldChat, foldMessages } from "../../support/fold.ts";
import { call, chunk, DONE, event, mended, mendedBody, ROLE } from "./frames.ts";

const FINISH = chunk({}, "tool_calls");
const entry = (index: number, id: unknown) => ({
  index,
  ...(id === undefined ? {} : { id }),
  type: "function",
  function: { name: "f", arguments: "{}" },
});

function whole(ids: unknown[]) {
  const tool_calls = ids.map((id) => ({ ...(id === undefined ? {} : { id }), type: "function", function: { name: "f", arguments: "{}" } }));
  return { id: "r-1", choices: [{ index: 0, finish_reason: "tool_calls", message: { role: "assistant", content: null, tool_calls } }] };
}

test.each([[""], [undefined], [null]])("an id that is %j is made up, once", (id) => {
  const { sent, notes } = mended([ROLE, call(entry(0, id)), call({ index: 0, function: { arguments: " " } }), FINISH, DONE]);
  expect(foldChat(sent).calls).toEqual([{ id: expect.stringMatching(/^\w{32}$/u), name: "f", arguments: "{} " }]);
  expect(notes.filter(({ fix }) => fix === "toolcall_id")).toMatchObject([{ rule: "missing" }]);
});

test("an id used twice becomes two", () => {
  const { sent } = mended([ROLE, call(entry(0, "a")), call(entry(1, "a")), FINISH, DONE]);
  const [one, two] = foldChat(sent).calls;
  expect(one?.id).toBe("a");
  expect(two?.id).toMatch(/^\w{32}$/u);
});

test("whole messages: missing, empty and doubled", () => {
  const ids = mendedBody(whole(["a", "a", "", undefined])).body.choices[0].message.tool_calls.map(({ id }: any) => id);
  expect(ids[0]).toBe("a");
  expect(new Set(ids).size).toBe(4);
  expect(mendedBody(whole(["a", "b"])).untouched).toBe(true);
});

test("the same request and reply give the same id, another request gives another", () => {
  const idOf = (request: object) => foldChat(mended([ROLE, call(entry(0, "")), FINISH, DONE], "chat", request).sent).calls[0]?.id;
  expect(idOf({ messages: [1] })).toBe(idOf({ messages: [1] }));
  expect(idOf({ messages: [1] })).not.toBe(idOf({ messages: [1, 2] }));
});

test("Messages blocks, streamed and whole", () => {
  const block = (index: number) => event("content_block_start", { index, content_block: { type: "tool_use", id: "", name: "f" } });
  const stop = (index: number) => event("content_block_stop", { index });
  const { sent } = mended(
    [
      block(0),
      stop(0),
      block(1),
      stop(1),
      event("message_delta", { delta: { stop_reason: "tool_use" }, usage: { output_tokens: 1 } }),
      event("message_stop"),
    ],
    "messages",
  );
  const ids = foldMessages(sent).calls.map(({ id }) => id);
  expect(ids.every((id) => /^\w{32}$/u.test(id))).toBe(true);
  expect(new Set(ids).size).toBe(2);
  const content = [{ type: "tool_use", name: "f", input: {} }];
  const usage = { input_tokens: 1, output_tokens: 1 };
  const { body } = mendedBody({ type: "message", content, stop_reason: "tool_use", stop_sequence: null, usage }, "messages");
  expect(body.content[0].id).toMatch(/^\w{32}$/u);
});
