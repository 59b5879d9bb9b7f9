import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CALLS, UNTOUCHED } from "./cases.ts";
import { characters, playCase, whole, type Cut, type Played } from "./play.ts";

/** Pieces that rules look for, in any order and cut anywhere, with prose and whole cases between them. */
const FRAGMENTS: readonly string[] = [
  "<tool_call>",
  "</tool_call>",
  "<function=read>",
  "<function=",
  "</function>",
  "<parameter=filePath>",
  "</parameter>",
  '<invoke name="bash">',

  "<think>",
  "</think>",
  "<|im_end|>",
  "</s>",
  "<|channel|>",
  "analysis",
  "commentary",
  "<|message|>",
  " to=functions.bash ",
  "<|start|>assistant",

  "[TOOL_CALLS]",
  "read",
  "bash",
  "[ARGS]",
  '{"filePath": "a"}',
  '{"name": "bash", ',
  '"arguments": ',
  '{"command": "ls"}}',
  "{",
  "}",
  "[",
  "]",

  "functions.",
  "read:0",
  "<|tool_call_begin|>",
  "<|tool_call>call:",
  "bash{command:",
  '<|"|>',
  "<tool_call|>",
  "<|tool_call_start|>",
  "[read(filePath='a')]",

  "<arg_key>",
  "filePath",
  "</arg_key>",
  "<arg_value>",
  "</arg_value>",
  "```json\n",
  "```",
  "`",
  "\n",
  "\n\n",
  " ",
  "> ",
  "    ",
  ":",
  "prose",
  "Übung 🚀",
  "'",
  '"',
  "\\",

  '<｜DSML｜invoke name="read">',
  "<｜tool▁calls▁begin｜>",
  "<｜tool▁call▁begin｜>",
  "<｜tool▁sep｜>",
  "<|python_tag|>",
  "example:",
  "Let me:",
  "<",
  "<|",
  ...CALLS.map((one) => one.text),
  ...UNTOUCHED.map((one) => one.text),
];

const texts = fc
  .array(fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...FRAGMENTS) }, { weight: 1, arbitrary: fc.string({ maxLength: 12 }) }), {
    maxLength: 14,
  })
  .map((parts) => parts.join(""));
const finishes = fc.constantFrom("stop", "length", "tool_calls");

function randomly(sizes: readonly number[]): Cut {
  return (text) => {
    const parts: string[] = [];
    let from = 0;
    for (let i = 0; from < text.length; i++) {
      const size = sizes.length === 0 ? 1 : (sizes[i % sizes.length] ?? 1);
      parts.push(text.slice(from, from + size));
      from += size;
    }
    return parts;
  };
}

function shape({ text, reasoning, calls, finish }: Played): unknown {
  return { text, reasoning, calls, finish };
}

/** Raised by hand for a long run. */
const RUNS = 1500;

describe("text of marks in any order", () => {
  test("comes out the same wherever it is cut", { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(
        texts,
        texts,
        finishes,
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 }),
        (text, reasoning, finish, sizes) => {
          const want = shape(playCase({ text, reasoning, finish }, whole));
          expect(shape(playCase({ text, reasoning, finish }, characters))).toEqual(want);
          expect(shape(playCase({ text, reasoning, finish }, randomly(sizes)))).toEqual(want);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("is left alone where nothing is noted as mended", { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(texts, texts, finishes, (text, reasoning, finish) => {
        const got = playCase({ text, reasoning, finish }, characters);
        if (got.notes.some((note) => note.action === "fixed")) return;
        expect(shape(got)).toEqual({ text, reasoning, calls: [], finish });
        expect(got.notes.filter((note) => note.action === "skipped")).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  test(
    "makes no call of a tool that is not offered, none where calls are forbidden, none from a reply that was cut",
    { timeout: 120_000 },
    () => {
      fc.assert(
        fc.property(texts, (text) => {
          expect(playCase({ text, noTools: true }, whole).calls).toEqual([]);
          expect(playCase({ text, request: { tool_choice: "none" } }, whole).calls).toEqual([]);
          expect(playCase({ text, finish: "length" }, whole).calls).toEqual([]);
        }),
        { numRuns: RUNS },
      );
    },
  );
});

test("prose goes through as the very deltas that came", () => {
  // No letter or sign that a mark begins with: those may wait for the next delta.
  const prose = fc.stringMatching(/^[BD-Zbd-egh-su-z0-9 ,.!?\n()=;:-]{1,20}$/u);
  fc.assert(
    fc.property(fc.array(prose, { minLength: 1, maxLength: 20 }), (parts) => {
      const got = playCase({ text: parts.join("") }, () => parts);
      expect(got.out.filter((delta) => delta.kind === "text").map((delta) => delta.text)).toEqual(parts);
    }),
    { numRuns: 2000 },
  );
});
