import { expect, test } from "vitest";
import { foldChat } from "../../support/fold.ts";
import { call, chunk, DONE, mended, mendedBody, ROLE } from "./frames.ts";

const FINISH = chunk({}, "tool_calls");

function body(args: unknown) {
  return {
    choices: [
      {
        index: 0,
        finish_reason: "tool_calls",
        message: {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: args } }],
        },
      },
    ],
  };
}

test("an object in a delta becomes its text, numbers as spelled", () => {
  const raw = `data: {"id":"c-1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":{"n":12345678901234567890,"x":0.10}}}]},"finish_reason":null}]}\n\n`;
  const { sent, notes } = mended([ROLE, raw, FINISH, DONE]);
  expect(foldChat(sent).calls).toEqual([{ id: "a", name: "f", arguments: '{"n":12345678901234567890,"x":0.10}' }]);
  expect(notes).toMatchObject([{ fix: "toolcall_arguments_object", action: "fixed", rule: "object", toolName: "f" }]);
});

test("an object, null or nothing in a whole message becomes a string", () => {
  expect(mendedBody(body({ location: "Paris" })).body.choices[0].message.tool_calls[0].function.arguments).toBe('{"location":"Paris"}');
  expect(mendedBody(body(null)).body.choices[0].message.tool_calls[0].function.arguments).toBe("");
  expect(mendedBody(body(undefined)).body.choices[0].message.tool_calls[0].function.arguments).toBe("");
});

test("a Responses item too", () => {
  const output = [{ type: "function_call", id: "fc_1", call_id: "call_1", name: "f", arguments: { a: 1 } }];
  expect(mendedBody({ status: "completed", output }, "responses").body.output[0].arguments).toBe('{"a":1}');
});

test("strings stay, whatever is in them", () => {
  for (const text of ["", "{}", "null", '{"a":1', "[1]"]) expect(mendedBody(body(text)).untouched).toBe(true);
  expect(
    mended([ROLE, call({ index: 0, id: "a", type: "function", function: { name: "f", arguments: "{}" } }), FINISH, DONE]).untouched,
  ).toBe(true);
});
