import { describe, expect, test } from "vitest";
import { foldChat } from "../../support/fold.ts";
import { call, chunk, DONE, mended, ROLE } from "./frames.ts";

const FINISH = chunk({}, "tool_calls");
const piece = (text: string, rest: object = {}) => call({ ...rest, function: { arguments: text } });
const opening = (id: string, name: string, text: string, rest: object = {}) =>
  call({ ...rest, id, type: "function", function: { name, arguments: text } });

function calls(frames: string[], request: object = {}) {
  const { sent, notes } = mended([ROLE, ...frames, FINISH, DONE], "chat", request);
  return { folded: foldChat(sent), notes };
}

describe("index missing or null", () => {
  test.each([[{}], [{ index: null }], [{ index: -1 }]])("%j: one call in pieces", (rest) => {
    const { folded, notes } = calls([opening("a", "f", '{"x":', rest), piece("1", rest), piece("}", rest)]);
    expect(folded.calls).toEqual([{ id: "a", name: "f", arguments: '{"x":1}' }]);
    expect(folded.faults).toEqual([]);
    expect(notes.filter(({ fix }) => fix === "toolcall_index")).toHaveLength(1);
  });

  test("two calls, told apart by their ids", () => {
    const { folded } = calls([opening("a", "f", "{"), piece("}"), opening("b", "f", "{"), piece('"y":2}')]);
    expect(folded.calls).toEqual([
      { id: "a", name: "f", arguments: "{}" },
      { id: "b", name: "f", arguments: '{"y":2}' },
    ]);
  });

  test("two whole calls in one chunk without ids", () => {
    const both = chunk({
      tool_calls: [{ function: { name: "f", arguments: '{"a":1}' } }, { function: { name: "f", arguments: '{"a":2}' } }],
    });
    expect(calls([both]).folded.calls.map((made) => made.arguments)).toEqual(['{"a":1}', '{"a":2}']);
  });

  test("an index in digits is a number", () => {
    const { folded } = calls([opening("a", "f", "{}", { index: "0" }), opening("b", "g", "{}", { index: "1" })]);
    expect(folded.calls.map(({ name }) => name)).toEqual(["f", "g"]);
  });
});

describe("every call under index 0", () => {
  test("a new id is a new call, its pieces follow it", () => {
    const zero = { index: 0 };
    const { folded } = calls([opening("a", "f", '{"x"', zero), piece(":1}", zero), opening("b", "g", '{"y"', zero), piece(":2}", zero)]);
    expect(folded.calls).toEqual([
      { id: "a", name: "f", arguments: '{"x":1}' },
      { id: "b", name: "g", arguments: '{"y":2}' },
    ]);
    expect(folded.faults).toEqual([]);
  });

  test("interleaved pieces go where their id points", () => {
    const zero = { index: 0 };
    const { folded } = calls([
      opening("a", "f", "{", zero),
      opening("b", "f", "{", zero),
      call({ index: 0, id: "a", function: { arguments: '"x":1}' } }),
      call({ index: 0, id: "b", function: { arguments: "}" } }),
    ]);
    expect(folded.calls.map((made) => made.arguments)).toEqual(['{"x":1}', "{}"]);
  });

  test("a new name without an id is a new call", () => {
    const named = (name: string, text: string) => call({ index: 0, type: "function", function: { name, arguments: text } });
    const { folded } = calls([named("f", "{}"), named("g", "{}"), named("g", '{"again":1}')]);
    expect(folded.calls.map((made) => [made.name, made.arguments])).toEqual([
      ["f", "{}"],
      ["g", "{}"],
      ["g", '{"again":1}'],
    ]);
    expect(new Set(folded.calls.map(({ id }) => id)).size).toBe(3);
  });

  test("one id for all, another name: another call with an id of its own", () => {
    const { folded } = calls([opening("a", "f", "{}", { index: 0 }), opening("a", "g", '{"y":2}', { index: 0 })]);
    expect(folded.calls.map((made) => [made.name, made.arguments])).toEqual([
      ["f", "{}"],
      ["g", '{"y":2}'],
    ]);
    expect(new Set(folded.calls.map(({ id }) => id)).size).toBe(2);
  });

  test("the same name with every piece is one call", () => {
    const named = (text: string) => call({ index: 0, function: { name: "f", arguments: text } });
    expect(calls([named('{"a"'), named(":1"), named("}")]).folded.calls.map((made) => made.arguments)).toEqual(['{"a":1}']);
  });

  test("a real index 1 behind a split stays a call of its own", () => {
    const { folded } = calls([
      opening("a", "f", "{}", { index: 0 }),
      opening("b", "f", "{}", { index: 0 }),
      opening("c", "f", "{", { index: 1 }),
      piece("}", { index: 1 }),
    ]);
    expect(folded.calls.map(({ id }) => id)).toEqual(["a", "b", "c"]);
    expect(folded.calls.map((made) => made.arguments)).toEqual(["{}", "{}", "{}"]);
  });
});

test("interleaved calls with their own index stay byte-identical", () => {
  const { untouched } = mended([
    ROLE,
    opening("a", "f", "", { index: 0 }),
    opening("b", "f", "", { index: 1 }),
    piece('{"l":', { index: 0 }),
    piece("{}", { index: 1 }),
    piece("1}", { index: 0 }),
    FINISH,
    DONE,
  ]);
  expect(untouched).toBe(true);
});
