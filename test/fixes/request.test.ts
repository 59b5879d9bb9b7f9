import { expect, test } from "vitest";
import { z } from "zod";
import { dialectFor } from "../../src/dialects/index.ts";
import { defineRequestFix, type FixMode, type RequestToMend } from "../../src/fixes/fix.ts";
import { fixRequest } from "../../src/fixes/request.ts";

const BODY = Buffer.from('{"a": 1.0}');

function run(mends: readonly ((request: RequestToMend) => string | undefined)[], mode: FixMode = "fix") {
  const dialect = dialectFor("POST", "/v1/chat/completions");
  if (!dialect) throw new Error("no dialect");
  const plan = mends.map((mend, i) => ({
    fix: defineRequestFix({
      name: `made_up_${i}`,
      summary: "for this test",
      defaultMode: "fix",
      holds: "nothing",
      example: { before: "", after: "" },
      source: "",
      options: z.strictObject({}),
      mend,
    }),
    mode,
    options: {},
  }));
  const { forward, notes } = fixRequest(plan, dialect, BODY, JSON.parse(BODY.toString()));
  return { text: Buffer.from(forward).toString(), untouched: forward === BODY, notes };
}

test("nothing to do forwards the very same buffer", () => {
  expect(run([])).toMatchObject({ untouched: true, notes: [] });
  expect(run([() => undefined])).toMatchObject({ untouched: true, notes: [] });
  expect(run([({ text }) => text]).untouched).toBe(true);
});

test("each fix sees what the one before it made, as text and parsed", () => {
  const { text } = run([
    ({ text: before }) => before.replace("a", "b"),
    ({ text: before, body }) => before.replace("}", `,"seen":${JSON.stringify(Object.keys(body as object))}}`),
  ]);
  expect(text).toBe('{"b": 1.0,"seen":["b"]}');
});

test("a fix that throws, or makes no JSON, is left out with a note", () => {
  const { untouched, notes } = run([
    () => {
      throw new Error("broken");
    },
    () => '{"half":',
  ]);
  expect(untouched).toBe(true);
  expect(notes).toMatchObject([
    { fix: "made_up_0", action: "skipped", reason: expect.stringMatching(/broken/u) },
    { fix: "made_up_1", action: "skipped", reason: expect.stringMatching(/not be JSON/u) },
  ]);
});

test("observing reports and forwards what came", () => {
  const { untouched, notes } = run([({ note }) => (note({ action: "fixed", target: "request" }), '{"b":1}')], "observe");
  expect(untouched).toBe(true);
  expect(notes).toMatchObject([{ action: "skipped", reason: "mode is observe" }]);
});
