import { expect, test } from "vitest";
import { allows, ANY, compileSchema, fits } from "../../../src/fixes/arguments/schema.ts";

const text = { type: "string" };

test("a local $ref is followed, through definitions and arrays", () => {
  const shape = compileSchema({
    $defs: { Trip: { type: "object", properties: { "a/b": { type: "integer" } }, required: ["a/b"] } },
    properties: {
      trip: { $ref: "#/$defs/Trip" },
      same: { $ref: "#/properties/trip/properties" },
      part: { $ref: "#/$defs/Trip/properties/a~1b" },
    },
  });
  expect([...(shape.property("trip").kinds ?? [])]).toEqual(["object"]);
  expect(shape.property("trip").required).toEqual(["a/b"]);
  expect(shape.property("part").integer).toBe(true);
});

test("a schema that refers to itself ends", () => {
  const tree = compileSchema({ type: "object", properties: { children: { type: "array", items: { $ref: "#" } } } });
  expect(tree.property("children").item(0).property("children").item(3).keys).toEqual(["children"]);
  expect(compileSchema({ $ref: "#" }).kinds).toBeUndefined();
  expect(compileSchema({ allOf: [{ $ref: "#" }, { $ref: "#" }], anyOf: [{ $ref: "#" }] }).kinds).toBeUndefined();
});

test("a union allows what any of its members allows", () => {
  const shape = compileSchema({ anyOf: [{ type: "array", items: { type: "number" } }, { type: "null" }] });
  expect(allows(shape, "array") && allows(shape, "null")).toBe(true);
  expect(allows(shape, "string")).toBe(false);
  expect([...(shape.item(0).kinds ?? [])]).toEqual(["number"]);
  expect(allows(compileSchema({ oneOf: [text, {}] }), "boolean")).toBe(true);
});

test("allOf narrows, nullable and enum tell kinds", () => {
  const shape = compileSchema({ allOf: [{ type: ["string", "number"] }, { type: ["number", "null"] }] });
  expect([...(shape.kinds ?? [])]).toEqual(["number"]);
  expect(allows(compileSchema({ type: "integer", nullable: true }), "null")).toBe(true);
  expect(allows(compileSchema({ enum: [1, 2] }), "string")).toBe(false);
});

test("an object union requires only what all its members require", () => {
  const one = { type: "object", properties: { kind: text, a: text }, required: ["kind", "a"] };
  const other = { type: "object", properties: { kind: text, b: { type: "integer" } }, required: ["kind", "b"] };
  const shape = compileSchema({ oneOf: [one, other] });
  expect(shape.required).toEqual(["kind"]);
  expect(allows(shape.property("b"), "string")).toBe(false);
});

test("what is not understood allows everything", () => {
  for (const schema of [undefined, null, true, 5, { type: "thing" }, { $ref: "http://x/y" }, {}]) {
    expect(compileSchema(schema).kinds).toBeUndefined();
    expect(fits({ a: [1] }, compileSchema(schema))).toBe(true);
  }
});

test("__proto__ is a key like any other", () => {
  const shape = compileSchema(JSON.parse('{"properties":{"__proto__":{"type":"integer"}}}'));
  expect(shape.keys).toEqual(["__proto__"]);
  expect(allows(shape.property("__proto__"), "string")).toBe(false);
  expect(shape.property("constructor")).toBe(ANY);
});

test("fits looks at kinds, required keys and closed objects all the way down", () => {
  const shape = compileSchema({
    type: "object",
    properties: { list: { type: "array", items: { type: "integer" } } },
    required: ["list"],
    additionalProperties: false,
  });
  expect(fits({ list: [1, 2] }, shape)).toBe(true);
  for (const value of [{ list: [1.5] }, { list: ["1"] }, {}, { list: [], more: 1 }, [], null]) expect(fits(value, shape)).toBe(false);
});
