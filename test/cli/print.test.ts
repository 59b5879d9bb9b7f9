import { expect, test } from "vitest";
import { lookOf } from "../../src/cli/print.ts";
import { COLOUR, PLAIN } from "../../src/stats/text.ts";

const terminal = { isTTY: true, columns: 97 };

test("a terminal gets its width and colours, a pipe neither", () => {
  expect(lookOf(terminal, {})).toEqual({ terminal: true, width: 97, style: COLOUR, lines: true });
  expect(lookOf({}, { LANG: "C" })).toEqual({ terminal: false, width: Number.POSITIVE_INFINITY, style: PLAIN, lines: true });
});

test.each([{ NO_COLOR: "1" }, { TERM: "dumb" }])("%j: no colours", (env) => {
  expect(lookOf(terminal, env).style).toBe(PLAIN);
});

test.each([
  [{ LANG: "C" }, false],
  [{ LANG: "de_DE.ISO-8859-1" }, false],
  [{ LANG: "C.UTF-8" }, true],
  [{ LANG: "C", LC_ALL: "en_US.utf8" }, true],
  [{ LANG: "en_US.UTF-8", LC_ALL: "POSIX" }, false],
])("line drawing under %j: %s", (env, lines) => {
  expect(lookOf(terminal, env).lines).toBe(lines);
});
