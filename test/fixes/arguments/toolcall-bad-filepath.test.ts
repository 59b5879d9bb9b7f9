import fc from "fast-check";
import { expect, test } from "vitest";
import { bash, editFile, type Example, mended, pieces, replies, streamed, whole, writeFile } from "./support.ts";

const EXAMPLES: readonly (Example & { readonly name: string; readonly want: readonly string[] })[] = [
  {
    name: "the case the product was born from: a second key without its colon",
    tool: writeFile,
    input: '{"content":"#!/usr/bin/env perl\\nprint 1;\\n","filePath":"/home/u/a.pl","filePath"/home/u/proj/a.pl"}',
    want: ['{"content":"#!/usr/bin/env perl\\nprint 1;\\n","filePath":"/home/u/a.pl"}'],
  },
  {
    name: "more members behind the repeated one",
    tool: editFile,
    input: '{"file_path":"/w/x.ts","file_path"/w/x.ts","old_string":"a, b","new_string":"c"}',
    want: ['{"file_path":"/w/x.ts","old_string":"a, b","new_string":"c"}'],
  },
  {
    name: "well-formed repetition, different value: the first wins",
    tool: bash,
    input: '{"command":"ls","description":"List","command":"rm -rf /tmp/x"}',
    want: ['{"command":"ls","description":"List"}'],
  },
  {
    name: "the repeated value is an object, and keys inside it are not its siblings",
    tool: bash,
    input: '{"command":"ls","description":"d","command":{"command":1,"description":[2]},"timeout":5}',
    want: ['{"command":"ls","description":"d","timeout":5}'],
  },
  {
    name: "file content that holds the key is content",
    tool: writeFile,
    input: '{"content":"x = {\\"filePath\\": 1, \\"filePath\\"/y\\"}\\n","filePath":"/w/a.py","filePath"/w/a.py"}',
    want: ['{"content":"x = {\\"filePath\\": 1, \\"filePath\\"/y\\"}\\n","filePath":"/w/a.py"}'],
  },
  {
    name: "the repeated key has neither colon nor value",
    tool: writeFile,
    input: '{"content":"x","filePath":"/w/a","filePath"}',
    want: ['{"content":"x","filePath":"/w/a"}'],
  },
];

test.each(EXAMPLES)("$name", (example) => {
  expect(whole(example)).toEqual(example.want);
  for (const cut of pieces(example.input)) expect({ cut, texts: streamed(example, cut) }).toEqual({ cut, texts: example.want });
});

test("switched off, the defect stays", () => {
  // The repeated object has a defect of its own: an object where a string is declared.
  for (const example of EXAMPLES.filter(({ input }) => !input.includes(":{"))) {
    expect(whole({ ...example, off: "toolcall_bad_filepath" })).toEqual([example.input]);
    expect(streamed({ ...example, off: "toolcall_bad_filepath" }, example.input.split(""))).toEqual([example.input]);
  }
});

test("parallel calls are mended each for itself, at any cut", () => {
  const [first, second] = [EXAMPLES[0], EXAMPLES[1]];
  if (!first || !second) throw new Error("no examples");
  fc.assert(
    fc.property(fc.array(fc.nat(200), { maxLength: 12 }), fc.boolean(), (cuts, interleaved) => {
      const reply = replies([first, second], cuts, interleaved);
      expect(reply).toEqual([...first.want, ...second.want]);
    }),
  );
});

test("the note says what was dropped and where", () => {
  const [note] = mended('{"a":1,"b":"x","b"y"}', bash).notes;
  expect(note).toMatchObject({
    fix: "toolcall_bad_filepath",
    action: "fixed",
    rule: "duplicate_key_without_colon",
    before: ',"b"y"',
    after: "",
  });
});
