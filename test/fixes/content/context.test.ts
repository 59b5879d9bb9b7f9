import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TextContext } from "../../../src/fixes/content/context.ts";

const word = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom(" word", "x".repeat(90), " <b>", " Example:", " \\begin{x}") },
  { weight: 2, arbitrary: fc.constantFrom("`", '"', "\t", "- ") },
  { weight: 1, arbitrary: fc.constant("\n") },
);

function fed(pieces: readonly string[]): TextContext {
  const context = new TextContext();
  for (const piece of pieces) context.feed(piece);
  return context;
}

function seen(context: TextContext) {
  const place = context.place();
  return { line: context.line, last: context.last, inCode: context.inCode, place: place && { ...place, open: [...place.open] } };
}

describe("where a text stands", () => {
  it("is the same however the text was cut, in long lines too", () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 400, size: "max" }), fc.integer({ min: 1, max: 60 }), (words, each) => {
        const joined = Array.from({ length: Math.ceil(words.length / each) }, (_, i) => words.slice(i * each, (i + 1) * each).join(""));
        expect(seen(fed(joined))).toEqual(seen(fed(words)));
        expect(seen(fed([words.join("")]))).toEqual(seen(fed(words)));
      }),
      { numRuns: 300 },
    );
  });

  it("keeps no more of a line than its beginning and its end", () => {
    const context = fed(Array.from({ length: 100_000 }, (_, i) => ` word${i}`));
    expect(context.line.length).toBeLessThan(4000);
    expect(context.line).toMatch(/^ word0 word1 .* word99998 word99999$/u);
  });
});
