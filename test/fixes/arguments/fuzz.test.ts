/** `FUZZ_RUNS=100000 npx vitest run test/fixes/arguments/fuzz.test.ts` runs it at length. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Delta, Tool } from "../../../src/core/delta.ts";
import { MAX_WAIT } from "../../../src/fixes/arguments/rule.ts";
import { createArgumentStage } from "../../../src/fixes/arguments/stage.ts";
import { mended, planOf } from "./support.ts";

const LONG = process.env["FUZZ_RUNS"];
const RUNS = Number(LONG ?? 2000);
/** The short run is the same every time; the long one looks elsewhere each time. */
const PARAMETERS = LONG === undefined ? { numRuns: RUNS, seed: 20261120 } : { numRuns: RUNS };

interface Valid {
  readonly schema: unknown;
  /** A value's JSON text that satisfies it. */
  readonly text: string;
}

const space = fc.constantFrom("", "", "", " ", "\n  ", "\t", " \r\n");
const key = fc.oneof(
  fc.constantFrom(
    "path",
    "file_path",
    "content",
    "command",
    "arguments",
    "input",
    "type",
    "__proto__",
    "constructor",
    "a b",
    "é",
    "",
    "{}",
  ),
  fc.string({ maxLength: 8 }),
);
const special = fc.constantFrom(
  '"',
  '\\"',
  "\\",
  "\\n",
  "\n",
  "C:\\temp\\new.txt",
  '"}',
  '{"a": [1, "b"]}',
  '</content>\n<parameter name="path">x',
  "<|im_end|>",
  "'",
  "True",
  "```json\n{}\n```",
  '","path":"',
  "\u0000\u001f",
  "𝒳é",
  "//",
  "/*",
  "\\b\\d",
  '": "',
  "\u2028",
);
const content = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.array(special, { maxLength: 5 }).map((parts) => parts.join("")),
  special,
);

/** A string as JSON, with one of the spellings JSON has for it. */
const string = fc.tuple(content, fc.nat(3)).map(([value, spelling]) => {
  const text = JSON.stringify(value);
  if (spelling === 0) return text.replaceAll("/", "\\/");
  if (spelling === 1)
    return `"${[...Array(value.length).keys()].map((i) => `\\u${value.charCodeAt(i).toString(16).padStart(4, "0")}`).join("")}"`;
  return text;
});
const number = fc.constantFrom("0", "-0", "1", "-12", "0.10", "1e400", "12345678901234567890", "1.50E+3", "1e-7");
const integer = fc.constantFrom("0", "7", "-3", "180000");

function scalar(): fc.Arbitrary<Valid> {
  return fc.oneof(
    string.map((text) => ({ schema: { type: "string" }, text })),
    number.map((text) => ({ schema: { type: "number" }, text })),
    integer.map((text) => ({ schema: { type: "integer" }, text })),
    fc.constantFrom("true", "false").map((text) => ({ schema: { type: "boolean" }, text })),
    fc.oneof(string, fc.constant("null")).map((text) => ({ schema: { type: ["string", "null"] }, text })),
    fc.oneof(string, number, fc.constantFrom("[]", "{}", '["1"]', '{"x":"{\\"y\\":1}"}', "true")).map((text) => ({ schema: {}, text })),
    fc.oneof(string, integer).map((text) => ({ schema: { anyOf: [{ type: "string" }, { type: "integer" }] }, text })),
    fc.constantFrom('"c"', '"f"').map((text) => ({ schema: { enum: ["c", "f"] }, text })),
  );
}

function value(depth: number): fc.Arbitrary<Valid> {
  if (depth === 0) return scalar();
  return fc.oneof({ arbitrary: scalar(), weight: 3 }, { arbitrary: array(depth), weight: 1 }, { arbitrary: object(depth), weight: 1 });
}

function array(depth: number): fc.Arbitrary<Valid> {
  return fc.tuple(value(depth - 1), fc.nat(3), space).map(([item, count, gap]) => ({
    schema: { type: "array", items: item.schema },
    text: `[${gap}${Array.from({ length: count }, () => item.text).join(`${gap},${gap}`)}${gap}]`,
  }));
}

function object(depth: number): fc.Arbitrary<Valid> {
  const members = fc.uniqueArray(fc.tuple(key, value(depth - 1), fc.boolean(), fc.boolean()), { selector: ([name]) => name, maxLength: 4 });
  return fc.tuple(members, space, space, fc.boolean()).map(([list, gap, colon, closed]) => {
    const properties = Object.create(null) as Record<string, unknown>;
    const required: string[] = [];
    const texts: string[] = [];
    for (const [name, member, needed, absent] of list) {
      properties[name] = member.schema;
      if (needed) required.push(name);
      if (needed || !absent) texts.push(`${gap}${JSON.stringify(name)}${colon}:${colon}${member.text}`);
    }
    return {
      schema: { type: "object", properties, required, ...(closed ? { additionalProperties: false } : {}) },
      text: `{${texts.join(`${gap},`)}${gap}}`,
    };
  });
}

const call = fc.tuple(object(2), fc.array(fc.nat(400), { maxLength: 15 }), fc.constantFrom("tool_calls", "stop", "length", "tool_use"));

/** The arguments of a stream of deltas, and whether each came out as the object that went in. */
function run(
  tool: Tool,
  pieces: readonly string[],
  finish: string,
  stream = true,
  off?: string,
): { text: string; same: boolean; held: number; actions: readonly string[] } {
  const actions: string[] = [];
  const stage = createArgumentStage(
    planOf(off === undefined ? {} : { off }),
    { model: undefined, stream, tools: [tool], toolsForbidden: false, parallelToolCalls: undefined, conversation: undefined, body: {} },
    (fix) => (note) => void actions.push(`${note.action} ${fix}`),
  );
  const given: Delta[] = [
    { kind: "tool-open", choice: 0, tool: 0, id: "c", name: tool.name },
    ...pieces.map((text): Delta => ({ kind: "tool-args", choice: 0, tool: 0, text })),
    { kind: "tool-close", choice: 0, tool: 0 },
    { kind: "finish", choice: 0, reason: finish },
  ];
  const out: Delta[] = [];
  let held = 0;
  for (const delta of given) {
    stage?.onDelta(delta, (emitted) => out.push(emitted));
    held = Math.max(held, stage?.held ?? 0);
  }
  stage?.onEnd((emitted) => out.push(emitted));
  const text = out.map((delta) => (delta.kind === "tool-args" && delta.tool === 0 ? delta.text : "")).join("");
  return { text, same: out.length === given.length && out.every((delta, i) => delta === given[i]), held, actions };
}

function cut(text: string, cuts: readonly number[]): string[] {
  const at = [...new Set([0, ...cuts.map((each) => each % (text.length + 1))])].sort((a, b) => a - b);
  return at.map((from, i) => text.slice(from, at[i + 1])).filter((piece) => piece !== "");
}

test("valid arguments come out as the very deltas that came, at any cut", () => {
  fc.assert(
    fc.property(call, ([{ schema, text }, cuts, finish]) => {
      const tool = { name: "t", parameters: schema };
      for (const pieces of [[text], cut(text, cuts)]) {
        const { same, actions } = run(tool, pieces, finish);
        expect({ same, actions, pieces }).toEqual({ same: true, actions: [], pieces });
      }
      expect(run(tool, [text], finish, false).text).toBe(text);
    }),
    PARAMETERS,
  );
});

test("valid arguments of a tool that is not offered come out as they came", () => {
  fc.assert(
    fc.property(call, ([{ text }, cuts]) => {
      expect(mended(text, undefined).text).toEqual([text]);
      expect(run({ name: "t", parameters: undefined }, cut(text, cuts), "tool_calls").same).toBe(true);
    }),
    PARAMETERS,
  );
});

const mutation = fc.tuple(
  fc.nat(1000),
  fc.nat(6),
  fc.constantFrom("", '"', "{", "}", ",", ":", "\\", "'", "[", "]", "<", "\n", "x", '"}', '","', "{}", "//", "/*", "null", "True", "`"),
);

test("damaged arguments never throw, never hang, and mean the same at any cut", () => {
  fc.assert(
    fc.property(call, fc.array(mutation, { minLength: 1, maxLength: 4 }), ([{ schema, text }, cuts, finish], mutations) => {
      let damaged = text;
      for (const [where, length, put] of mutations) {
        const at = where % (damaged.length + 1);
        damaged = damaged.slice(0, at) + put + damaged.slice(at + length);
      }
      const many = cut(damaged, cuts);
      // Deltas that begin so may be taken for llama-server's own, whose quotes are not doubted (trust.ts).
      fc.pre(many[0] !== "{");
      const tool = { name: "t", parameters: schema };
      // Where a resend begins is told by the deltas themselves: the one rule that depends on the cuts.
      const one = run(tool, damaged === "" ? [] : [damaged], finish, true, "toolcall_cumulative");
      const other = run(tool, many, finish, true, "toolcall_cumulative");
      expect(one.actions.filter((action) => action.startsWith("skipped"))).toEqual([]);
      expect({ damaged, text: other.text }).toEqual({ damaged, text: one.text });
    }),
    PARAMETERS,
  );
});

test("what is held stays bounded, whatever the size", () => {
  const tool: Tool = {
    name: "w",
    parameters: {
      type: "object",
      properties: { content: { type: "string" }, n: { type: "integer" }, list: { type: "array" } },
      required: ["content"],
    },
  };
  const long = "lorem ipsum \\n dolor ".repeat(50_000);
  const pieces = (text: string): string[] =>
    cut(
      text,
      Array.from({ length: 4000 }, (_, i) => Math.floor((i * text.length) / 4000)),
    );
  const clean = `{"content":"${long}","n":1}`;
  expect(run(tool, pieces(clean), "tool_calls")).toMatchObject({ same: true });
  expect(run(tool, pieces(clean), "tool_calls").held).toBeLessThan(1000);
  for (const text of [
    `{"content":{"x":"${long.repeat(3)}"}}`,
    `{"list":"[${'\\"a\\",'.repeat(500_000)}1]"}`,
    `{"content":"a "b" ${long.repeat(3)}`,
    `{"x${long.repeat(3)}`,
  ]) {
    const { held } = run(tool, pieces(text), "tool_calls");
    expect(held).toBeLessThan(MAX_WAIT + 100_000);
  }
});
