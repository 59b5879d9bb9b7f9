import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isObject, isRawJson, parseExact, parseOrUndefined } from "../../src/wire/json.ts";

describe("parseExact", () => {
  test.each(["12345678901234567890", "1e400", "0.10", "1E5", "-0", "1.0", "[0.30000000000000000000001]"])(
    "%s is written back as spelled",
    (literal) => {
      expect(JSON.stringify(parseExact(literal))).toBe(literal);
    },
  );

  test("ordinary numbers stay numbers", () => {
    expect(parseExact('{"a":1,"b":-2.5}')).toEqual({ a: 1, b: -2.5 });
  });

  test("__proto__ is data", () => {
    const parsed = parseExact('{"__proto__":{"x":1},"y":2}');
    expect(JSON.stringify(parsed)).toBe('{"__proto__":{"x":1},"y":2}');
    expect(({} as { x?: number }).x).toBeUndefined();
  });

  test("a kept literal is known as one", () => {
    expect(isRawJson(parseExact("1e400"))).toBe(true);
    expect(isRawJson(1)).toBe(false);
  });

  test("compact JSON comes back byte for byte", () => {
    fc.assert(
      fc.property(
        fc.json().map((json) => JSON.stringify(JSON.parse(json))),
        (json) => {
          expect(JSON.stringify(parseExact(json))).toBe(json);
        },
      ),
    );
  });

  test("throws on what is not JSON", () => {
    expect(() => parseExact("{")).toThrow(SyntaxError);
    expect(parseOrUndefined("{")).toBeUndefined();
  });
});

test("isObject knows arrays and null apart", () => {
  expect([{}, [], null, 1].map(isObject)).toEqual([true, false, false, false]);
});
