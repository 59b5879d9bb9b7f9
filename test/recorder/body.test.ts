import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytesOf, decodeEntries, encodeEntries, joinBody, planBody, type StoredEntry } from "../../src/recorder/body.ts";
import { bytes } from "./support.ts";

function kinds(body: string): string[] {
  return planBody(bytes(body)).map((entry) =>
    "literal" in entry ? "…" : `${entry.comma ? "," : ""}${entry.kind}:${Buffer.from(entry.bytes).toString()}`,
  );
}

function join(body: Uint8Array): Buffer {
  return Buffer.concat([...bytesOf(planBody(body))]);
}

describe("cutting", () => {
  test("messages one by one, tools as a block, whatever else stays", () => {
    expect(kinds('{"model":"m","messages":[{"role":"user","content":"a"},{"content":"]\\"}"}],"tools":[{"x":[1]}],"stream":true}')).toEqual(
      ["…", 'message:{"role":"user","content":"a"}', ',message:{"content":"]\\"}"}', "…", 'tools:[{"x":[1]}]', "…"],
    );
  });

  test("system and input as strings or arrays", () => {
    expect(kinds('{"system":"be\\\\","input":"hi"}')).toEqual(["…", 'system:"be\\\\"', "…", 'message:"hi"', "…"]);
    expect(kinds('{"instructions":[1],"input":[2, 3]}')).toEqual(["…", "system:[1]", "…", "message:2", "…", "message:3", "…"]);
  });

  test("a long envelope is a piece of its own", () => {
    const body = `{"metadata":"${"x".repeat(60)}","messages":[1]}`;
    expect(kinds(body)[0]).toBe(`envelope:{"metadata":"${"x".repeat(60)}","messages":[`);
  });

  test.each([
    "",
    "[]",
    "null",
    '{"messages":[1',
    '{"messages":[1]} x',
    '{"messages" [1]}',
    "\u0000",
    '{"a":1}',
    '{"messages":[]}',
    '{"messages":[,]}',
  ])("%j has nothing to share and is kept whole", (body) => {
    expect(kinds(body)).toEqual(body === "" ? [] : [`whole:${body}`]);
  });
});

const member = fc.oneof(
  fc.record({ messages: fc.array(fc.jsonValue()) }),
  fc.record({ input: fc.oneof(fc.string(), fc.array(fc.jsonValue())) }),
  fc.record({ system: fc.jsonValue(), tools: fc.array(fc.jsonValue()), rest: fc.jsonValue() }, { requiredKeys: [] }),
);

describe("the entries laid end to end are the body", () => {
  test("for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
        expect(join(body).equals(body)).toBe(true);
      }),
    );
  });

  test("for requests, spaced out or not, cut off anywhere, with bytes knocked over", () => {
    fc.assert(
      fc.property(
        fc.array(member, { minLength: 1, maxLength: 3 }),
        fc.nat(3),
        fc.nat(),
        fc.nat(),
        fc.nat(255),
        (members, indent, cut, at, byte) => {
          const whole = bytes(JSON.stringify(Object.assign({}, ...members), undefined, indent));
          expect(join(whole).equals(whole)).toBe(true);
          const part = whole.slice(0, cut % (whole.length + 1));
          expect(join(part).equals(part)).toBe(true);
          whole[at % whole.length] = byte;
          expect(join(whole).equals(whole)).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});

test("a long history costs a few bytes, a step that changes a few more", () => {
  const history = Array.from({ length: 400 }, (_, i): StoredEntry => ({ kind: "message", comma: i > 0, ref: 1000 + i * 2 }));
  expect(encodeEntries(history).length).toBeLessThan(12);
  expect(decodeEntries(encodeEntries(history))).toEqual(history);
});

test("a list of entries is read back as it was written", () => {
  const entry = fc.oneof(
    fc.record({ literal: fc.uint8Array({ maxLength: 60 }) }),
    fc.record({
      kind: fc.constantFrom("whole", "envelope", "system", "message", "tools", "prompt"),
      comma: fc.boolean(),
      ref: fc.nat(2 ** 40),
    }),
  ) as fc.Arbitrary<StoredEntry>;
  fc.assert(
    fc.property(fc.array(entry), (entries) => {
      const back = decodeEntries(encodeEntries(entries));
      expect(back.map((e) => ("literal" in e ? { literal: new Uint8Array(e.literal) } : e))).toEqual(entries);
      const load = (ref: number) => bytes(`<${ref}>`);
      expect(joinBody(back, load)).toEqual(joinBody(entries, load));
    }),
  );
});

test("a list that was damaged is an error, not another body", () => {
  expect(() => decodeEntries(Uint8Array.of(0, 0, 200))).toThrow(RangeError);
  expect(() => decodeEntries(Uint8Array.of(0, 99, 0))).toThrow(RangeError);
  expect(() => decodeEntries(Uint8Array.of(7))).toThrow(RangeError);
});
