import { describe, expect, test } from "vitest";
import { forwarded } from "./requests.ts";

const ANY = ["object", "array", "string", "number", "boolean", "null"];
const chat = (schema: unknown) => ({ messages: [], tools: [{ type: "function", function: { name: "f", parameters: schema } }] });
const object = (properties: object, rest: object = {}) => ({ type: "object", properties, ...rest });
const schemaOf = (schema: unknown, modules = {}) => forwarded(chat(schema), "chat", modules).body.tools[0].function.parameters;
const stays = (schema: unknown) => forwarded(chat(schema)).untouched;

describe("repetitions", () => {
  test("lengths and counts above the limit go, others stay", () => {
    const schema = object({
      a: { type: "string", minLength: 1, maxLength: 65536 },
      b: { type: "string", maxLength: 2000, description: "x" },
      c: { type: "string", maxLength: 1999 },
      d: { type: "array", items: { type: "string" }, maxItems: 5000 },
      e: { type: "string", minLength: 3000, maxLength: 4000 },
    });
    expect(schemaOf(schema).properties).toEqual({
      a: { type: "string", minLength: 1 },
      b: { type: "string", description: "x" },
      c: { type: "string", maxLength: 1999 },
      d: { type: "array", items: { type: "string" } },
      e: { type: "string" },
    });
  });

  test("the limit is an option", () => {
    expect(schemaOf(object({ a: { type: "string", maxLength: 100 } }), { tool_schema: { max_repetitions: 50 } }).properties.a).toEqual({
      type: "string",
    });
  });

  test("bounds that the compiler never reads stay", () => {
    expect(
      stays(
        object({ a: { type: "integer", maxLength: 9999 }, b: { maxLength: 9999 }, c: { enum: ["x"], type: "string", maxLength: 9999 } }),
      ),
    ).toBe(true);
  });
});

describe("patterns", () => {
  test("escapes are spelled out, the impossible is dropped", () => {
    const schema = object({
      date: { type: "string", pattern: String.raw`^\d{4}$` },
      word: { pattern: "(?i)word", description: "w" },
      ok: { type: "string", pattern: "^[a-z]+$" },
    });
    expect(schemaOf(schema).properties).toEqual({
      date: { type: "string", pattern: "^[0-9]{4}$" },
      word: { description: "w" },
      ok: { type: "string", pattern: "^[a-z]+$" },
    });
  });

  test("a property that is called pattern is no pattern", () => {
    expect(stays(object({ pattern: { type: "string" }, maxLength: { type: "integer" } }))).toBe(true);
  });

  test("beside a union or an enum it is never compiled", () => {
    expect(stays(object({ a: { anyOf: [{ type: "string" }], pattern: "x" }, b: { type: "string", enum: ["y"], pattern: "x" } }))).toBe(
      true,
    );
  });
});

describe("references", () => {
  test("without a target they become any type, their description stays", () => {
    const schema = object({
      a: { $ref: "#/$defs/Gone", description: "d" },
      b: { $ref: "#" },
      c: { $ref: "https://example.com/s.json#/x" },
    });
    expect(schemaOf(schema).properties).toEqual({ a: { description: "d", type: ANY }, b: { type: ANY }, c: { type: ANY } });
  });

  test("with a target they stay, and the target is looked at once", () => {
    const schema = object(
      { a: { $ref: "#/$defs/Text" }, b: { $ref: "#/$defs/Text" } },
      { $defs: { Text: { type: "string", maxLength: 9999 }, Unused: { type: "string", maxLength: 9999 } } },
    );
    const mended = schemaOf(schema);
    expect(mended.properties).toEqual(schema.properties);
    expect(mended.$defs).toEqual({ Text: { type: "string" }, Unused: { type: "string", maxLength: 9999 } });
  });

  test("$defs below the root are hoisted by the server, recursion is fine", () => {
    const node = object({ next: { $ref: "#/$defs/Node" } });
    expect(stays(object({ a: { $defs: { Node: node }, $ref: "#/$defs/Node" } }))).toBe(true);
    expect(stays(object({ a: { $ref: "#/properties/a" } }))).toBe(true);
  });
});

describe("types", () => {
  test("unknown names and boolean schemas", () => {
    const schema = object({
      a: { type: "any", description: "x" },
      b: true,
      c: { type: "array", items: true },
      d: { type: ["string", "datetime"] },
      e: { type: "float" },
    });
    expect(schemaOf(schema).properties).toEqual({
      a: { type: ANY, description: "x" },
      b: { type: ANY },
      c: { type: "array", items: { type: ANY } },
      d: { type: ["string"] },
      e: { type: ANY },
    });
  });

  test("what the compiler takes stays", () => {
    expect(
      stays(
        object(
          {
            a: {},
            b: { description: "anything" },
            c: { type: ["string", "null"] },
            d: { const: 1 },
            e: { type: "array" },
            f: { type: "string", format: "date-time" },
            g: { not: { type: "string" } },
            h: { oneOf: [{ type: "integer", minimum: 0 }, { type: "null" }] },
            i: { allOf: [{ properties: { x: { type: "string" } } }] },
          },
          { additionalProperties: false, required: ["a"] },
        ),
      ),
    ).toBe(true);
    expect(stays(object({}, { additionalProperties: { type: "string" } }))).toBe(true);
  });
});

describe("where and how", () => {
  const bad = { type: "object", properties: { a: { maxLength: 9999, type: "string" } } };
  const good = { type: "object", properties: { a: { type: "string" } } };

  test("messages and responses", () => {
    expect(forwarded({ tools: [{ name: "f", input_schema: bad }] }, "messages").body.tools[0].input_schema).toEqual(good);
    expect(forwarded({ tools: [{ type: "function", name: "f", parameters: bad }] }, "responses").body.tools[0].parameters).toEqual(good);
  });

  test("every other byte stays", () => {
    const before =
      '{ "tools": [ {"type":"function", "function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"string", "maxLength" : 65536, "x":1.0}}}}} ],\n "n":1.0 }';
    expect(forwarded(before).text).toBe(before.replace(', "maxLength" : 65536', ""));
  });

  test("each change is told, with its place", () => {
    expect(forwarded(chat(bad)).notes).toEqual([
      {
        fix: "tool_schema",
        action: "fixed",
        target: "request",
        rule: "repetition",
        toolName: "f",
        pointer: "/tools/0/function/parameters/properties/a/maxLength",
        before: "9999",
        after: "",
      },
    ]);
  });

  test("each kind can be switched off", () => {
    const schema = object({ a: { type: "string", maxLength: 9999 }, b: { type: "string", pattern: "x" }, c: { $ref: "#" }, d: true });
    const off = { repetitions: false, patterns: false, references: false, types: false };
    expect(forwarded(chat(schema), "chat", { tool_schema: off }).untouched).toBe(true);
    for (const kind of Object.keys(off)) {
      expect(forwarded(chat(schema), "chat", { tool_schema: { ...off, [kind]: true } }).notes).toHaveLength(1);
    }
  });

  test("requests without tools, and tools without schemas, stay", () => {
    for (const body of [{}, { tools: null }, { tools: [1, {}, { function: {} }, { function: { parameters: null } }] }])
      expect(forwarded(body).untouched).toBe(true);
  });
});
