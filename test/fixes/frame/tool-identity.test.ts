import { expect, test } from "vitest";
import { foldChat } from "../../support/fold.ts";
import { call, chunk, DONE, mended, ROLE } from "./frames.ts";

const FINISH = chunk({}, "tool_calls");
const first = call({ index: 0, id: "a", type: "function", function: { name: "f", arguments: "{" } });

test.each([
  ["empty id and name", { id: "", function: { name: "", arguments: "}" } }],
  ["repeated id and name", { id: "a", function: { name: "f", arguments: "}" } }],
  ["an empty id alone", { id: "", type: "function", function: { arguments: "}" } }],
])("%s leave the later deltas", (_what, entry) => {
  const { sent, notes } = mended([ROLE, first, call({ index: 0, ...entry }), FINISH, DONE]);
  const folded = foldChat(sent);
  expect(folded.faults).toEqual([]);
  expect(folded.calls).toEqual([{ id: "a", name: "f", arguments: "{}" }]);
  expect(notes).toMatchObject([{ fix: "toolcall_identity", action: "fixed" }]);
});

test("a name that comes late opens the call, with what came before it", () => {
  const { sent } = mended([
    ROLE,
    call({ index: 0, id: "a", type: "function", function: { name: "", arguments: '{"x"' } }),
    call({ index: 0, function: { arguments: ":1" } }),
    call({ index: 0, function: { name: "f", arguments: "}" } }),
    FINISH,
    DONE,
  ]);
  expect(foldChat(sent).calls).toEqual([{ id: "a", name: "f", arguments: '{"x":1}' }]);
  expect(foldChat(sent).faults).toEqual([]);
});

test("a name in two pieces is one name", () => {
  const tools = [{ type: "function", function: { name: "get_weather", parameters: {} } }];
  const named = (name: string, rest: object = {}) => call({ index: 0, ...rest, type: "function", function: { name, arguments: "" } });
  const frames = [ROLE, named("get_", { id: "a" }), named("weather"), call({ index: 0, function: { arguments: "{}" } }), FINISH, DONE];
  const folded = foldChat(mended(frames, "chat", { tools }).sent);
  expect(folded.calls).toEqual([{ id: "a", name: "get_weather", arguments: "{}" }]);
  expect(folded.faults).toEqual([]);
  expect(
    mended([ROLE, named("get_weather", { id: "a" }), call({ index: 0, function: { arguments: "{}" } }), FINISH, DONE], "chat", { tools })
      .untouched,
  ).toBe(true);
});

test.each([[FINISH], [DONE], [""]])("a name that never comes: what was held is released at %j", (end) => {
  const { out } = mended([ROLE, call({ index: 0, id: "a", type: "function", function: { arguments: '{"x":1}' } }), end]);
  expect(out.filter(({ kind }) => kind.startsWith("tool-"))).toEqual([
    { kind: "tool-open", choice: 0, tool: 0, id: "a", name: "" },
    { kind: "tool-args", choice: 0, tool: 0, text: '{"x":1}' },
    { kind: "tool-close", choice: 0, tool: 0 },
  ]);
});

test("null members of later deltas are legal and stay", () => {
  expect(mended([ROLE, first, call({ index: 0, id: null, function: { name: null, arguments: "}" } }), FINISH, DONE]).untouched).toBe(true);
});

test("a call whose name never comes goes out in one piece at the end, and that is said", () => {
  const { sent, notes } = mended([
    ROLE,
    call({ index: 0, function: { arguments: '"content":"' } }),
    call({ index: 0, function: { arguments: "L" } }),
    chunk({}, "length"),
    DONE,
  ]);
  expect(sent.toString()).toContain('\\"content\\":\\"L');
  expect(notes.filter((note) => note.fix === "toolcall_identity")).toMatchObject([{ action: "refused", rule: "nameless" }]);
});
