import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applyEdits, cutOut, JsonSource, type Path } from "../../../src/fixes/request/source.ts";

function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, member]) => pathsOf(member, [...path, Array.isArray(value) ? Number(key) : key]))];
}
function valueAt(value: any, path: Path): unknown {
  return path.reduce((inner: any, step) => inner[step], value);
}

describe("JsonSource", () => {
  test("finds every value of any JSON, however it is spaced", () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(undefined, 1, "\t"), (json, space) => {
        const value: unknown = JSON.parse(json);
        const text = ` ${JSON.stringify(value, undefined, space)}\n`;
        const source = new JsonSource(text);
        for (const path of pathsOf(value)) {
          if (path.includes("__proto__")) continue;
          const span = source.at(path);
          expect(JSON.parse(text.slice(span?.from, span?.to))).toEqual(valueAt(value, path));
        }
      }),
    );
  });

  test("a key that stands twice is the last one, as parsers take it", () => {
    const text = '{"a":1,"a":{"b":2}}';
    const span = new JsonSource(text).at(["a", "b"]);
    expect(text.slice(span?.from, span?.to)).toBe("2");
  });

  test("quotes, brackets and backslashes inside strings are text", () => {
    const text = String.raw`{"k\"}":["]\\",{"x":"{\\\""}],"n":-1.5e3}`;
    const source = new JsonSource(text);
    const at = (path: Path) => text.slice(source.at(path)?.from, source.at(path)?.to);
    expect(at(['k"}', 0])).toBe(String.raw`"]\\"`);
    expect(at(['k"}', 1, "x"])).toBe(String.raw`"{\\\""`);
    expect(at(["n"])).toBe("-1.5e3");
  });

  test("a path that leads nowhere", () => {
    const source = new JsonSource('{"a":[1],"b":"x"}');
    expect([source.at(["c"]), source.at(["a", 1]), source.at(["b", "x"]), source.at(["a", "0"])]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe("cutOut", () => {
  test("leaves well-formed JSON, whatever is cut", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 8 }), fc.constantFrom(undefined, 2), (out, space) => {
        const object = Object.fromEntries(out.map((_cut, i) => [`k${i}`, i]));
        for (const value of [object, out.map((_cut, i) => i)]) {
          const text = JSON.stringify(value, undefined, space);
          const source = new JsonSource(text);
          const span = source.at([]) ?? { from: 0, to: 0 };
          const parts = Array.isArray(value) ? source.items(span) : source.members(span);
          const rest = JSON.parse(
            applyEdits(
              text,
              cutOut(parts, (i) => out[i] === true),
            ),
          );
          expect(Object.values(rest)).toEqual(Object.values(value).filter((_value, i) => !out[i]));
        }
      }),
    );
  });
});
