import { expect, test } from "vitest";
import { ARGUMENT_FIXES } from "../../../src/fixes/arguments/index.ts";
import { CASES } from "./cases.ts";
import { mended, pieces, streamed, whole } from "./support.ts";

const cases = CASES.map((each) => ({
  ...each,
  // What a client reads in the end: values where the arguments are mended, the text where they are refused.
  read: (texts: readonly string[]): readonly unknown[] => (each.want ? texts.map((text) => JSON.parse(text) as unknown) : texts),
  meant: each.want ?? [each.input],
  action: each.want ? "fixed" : "refused",
}));
const mendable = cases.filter((each) => each.want !== undefined);

test.each(cases)("$fix is $action: $input", (example) => {
  expect(example.read(whole(example))).toEqual(example.meant);
  const { notes } = mended(example.input, example.tool, example.finish ?? "tool_calls");
  expect(notes.map((note) => [note.fix, note.action])).toContainEqual([example.fix, example.action]);
});

test.each(cases)("$fix comes to the same at every cut: $input", (example) => {
  const first = streamed(example, [example.input]);
  expect(example.read(first)).toEqual(example.meant);
  for (const cut of pieces(example.input)) expect({ cut, texts: streamed(example, cut) }).toEqual({ cut, texts: first });
});

test.each(mendable)("with $fix off the defect stays: $input", (example) => {
  expect(whole({ ...example, off: example.fix })).not.toEqual(whole(example));
});

test("every fix that is on by default has three cases of its own", () => {
  const counted = ARGUMENT_FIXES.filter((fix) => fix.defaultMode === "fix" && !/name_|cumulative|repeated/.test(fix.name));
  expect(counted.filter(({ name }) => CASES.filter((each) => each.fix === name).length < 3)).toEqual([]);
});
