import { describe, expect, test } from "vitest";
import { compilablePattern } from "../../../src/fixes/request/pattern.ts";

const compilable = (pattern: string) => compilablePattern(pattern, 1999);

test.each([
  String.raw`^[a-z]+$`,
  String.raw`^a(b|c)?d{2,3}$`,
  String.raw`^(?:x|y)*$`,
  String.raw`^[^"\\]+\.txt$`,
  String.raw`^$`,
  String.raw`^\[\]\{\}\$$`,
  String.raw`^.{0,1999}$`,
  String.raw`^\u00e9\x41$`,
])("%s compiles and stays", (pattern) => {
  expect(compilable(pattern)).toBe(pattern);
});

test.each([
  [String.raw`^\d{4}-\d{2}$`, "^[0-9]{4}-[0-9]{2}$"],
  [String.raw`^[\w.\-]+@\w+$`, "^[A-Za-z0-9_.-]+@[A-Za-z0-9_]+$"],
  [String.raw`^https?:\/\/\S*$`, undefined],
  [String.raw`^https?:\/\/x$`, "^https?://x$"],
  [String.raw`^a\sb[\s\d]$`, String.raw`^a[ \t\r\n]b[ \t\r\n0-9]$`],
  [String.raw`^[\.\/\*]$`, "^[./*]$"],
  [String.raw`^hello there indeed\!$`, "^hello there indeed!$"],
])("%s is spelled out as %s", (pattern, spelled) => {
  expect(compilable(pattern)).toBe(spelled);
});

describe("nothing a grammar can say", () => {
  test.each([
    "abc",
    "^abc",
    "abc$",
    "",
    "^",
    String.raw`^abc\$`,
    "^(?!x)a$",
    "^(?=x)a$",
    "^(?<name>x)$",
    String.raw`^(a)\1$`,
    String.raw`^\bword\b$`,
    String.raw`^\p{L}+$`,
    String.raw`^[\D]$`,
    "^*a$",
    "^(+a)$",
    "^a|*b$",
    "^a{2000}$",
    "^a{1,5000}$",
    "^a{x}$",
    "^{2}$",
    "^(a$",
    "^a)$",
    "^[a$",
    "^[]$",
    "^a]$",
  ])("%s", (pattern) => {
    expect(compilable(pattern)).toBeUndefined();
  });
});

test("what is spelled out means the same", () => {
  for (const pattern of [String.raw`^\d{4}-\d{2}$`, String.raw`^[\w.\-]+@\w+$`, String.raw`^[\.\/\*]+$`, String.raw`^a\sb$`]) {
    const spelled = new RegExp(compilable(pattern) ?? "never", "u");
    const own = new RegExp(pattern.replaceAll(String.raw`\/`, "/"), "");
    for (const text of ["2026-11", "a.b-c@d", "./*", "a b", "a\tb", "", "x", "20261-1"])
      expect([pattern, text, spelled.test(text)]).toEqual([pattern, text, own.test(text)]);
  }
});
