import { describe, expect, test } from "vitest";
import { ARGUMENT_FIXES } from "../../../src/fixes/arguments/index.ts";
import { CASES } from "./cases.ts";
import { mended, pieces, streamed, whole } from "./support.ts";

for (const { fix, tool, input, want, finish } of CASES) {
  describe(`${fix}: ${input.slice(0, 80)}`, () => {
    const example = { name: "", tool, input, want: [], ...(finish === undefined ? {} : { finish }) };

    test(want ? "is mended" : "is refused", () => {
      const texts = whole(example);
      if (!want) expect(texts).toEqual([input]);
      else expect(texts.map((text) => JSON.parse(text) as unknown)).toEqual(want);
      const { notes } = mended(input, tool, finish ?? "tool_calls");
      expect(notes.map((note) => [note.fix, note.action])).toContainEqual([fix, want ? "fixed" : "refused"]);
    });

    test("comes out the same at every cut", () => {
      const first = streamed(example, [input]);
      if (!want) expect(first).toEqual([input]);
      else expect(first.map((text) => JSON.parse(text) as unknown)).toEqual(want);
      for (const cut of pieces(input)) expect(streamed(example, cut), JSON.stringify(cut)).toEqual(first);
    });

    if (want) {
      test("stays as it is with the fix off", () => {
        expect(whole({ ...example, off: fix })).not.toEqual(whole(example));
      });
    }
  });
}

test("every fix that is on by default has three cases of its own", () => {
  const counted = ARGUMENT_FIXES.filter((fix) => fix.defaultMode === "fix" && !/name_|cumulative|repeated/.test(fix.name));
  for (const { name } of counted) expect(CASES.filter((each) => each.fix === name).length, name).toBeGreaterThanOrEqual(3);
});
