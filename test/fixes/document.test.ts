import { describe, expect, test } from "vitest";
import { z } from "zod";
import { dialectFor } from "../../src/dialects/index.ts";
import { fixDocument } from "../../src/fixes/document.ts";
import { defineFrameFix, type FixMode, type FixPlan, type FrameRule } from "../../src/fixes/fix.ts";
import { FRAME_FIXES } from "../../src/fixes/frame/index.ts";
import { planFixes } from "../../src/fixes/index.ts";

const frameOnly = planFixes({ enabled: true, modules: {} }, FRAME_FIXES);

function fixed(plan: FixPlan, text: string, path = "/v1/chat/completions") {
  const dialect = dialectFor("POST", path);
  if (!dialect) throw new Error("no dialect");
  const body = Buffer.from(text);
  const result = fixDocument(plan, dialect, dialect.readRequest({}), body);
  return { ...result, text: Buffer.from(result.sent).toString(), untouched: result.sent === body };
}
function withRule(rule: FrameRule, mode: FixMode = "fix"): FixPlan {
  const fix = defineFrameFix({
    name: "made_up",
    summary: "for this test",
    defaultMode: "fix",
    holds: "nothing",
    example: { before: "", after: "" },
    source: "",
    options: z.strictObject({}),
    start: ({ note }) => (note({ action: "fixed", target: "frame" }), rule),
  });
  return [{ fix, mode, options: {} }];
}

const BODY =
  '{ "choices": [ {"index":0, "finish_reason":"tool_calls", "message":{"role":"assistant","content":"x","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}} ], "n": 12345678901234567890, "t": 0.10 }';

describe("bytes", () => {
  test("a body that needs nothing is the very same buffer, spacing and all", () => {
    expect(fixed(frameOnly, BODY).untouched).toBe(true);
  });

  test.each(["", "not json", '{"half":', "\u0000"])("%j is not JSON and comes back as it is", (text) => {
    expect(fixed(frameOnly, text)).toMatchObject({ untouched: true, deltas: [], notes: [] });
  });

  test.each(["null", "[]", "1", '"x"', "{}", '{"choices":7}', '{"choices":[null,{"message":3}]}'])(
    "%s is no reply and comes back as it is",
    (text) => {
      expect(fixed(frameOnly, text).untouched).toBe(true);
    },
  );

  test("what changes leaves every number as it was spelled", () => {
    const { text } = fixed(frameOnly, BODY.replace('"tool_calls",', '"stop",'));
    expect(text).toContain('"n":12345678901234567890,"t":0.10');
    expect(JSON.parse(text).choices[0].finish_reason).toBe("tool_calls");
  });

  test("a stage that only cuts text elsewhere changes nothing", () => {
    const cut = withRule({
      onDelta(delta, emit) {
        if (delta.kind !== "text") return emit(delta);
        for (const character of delta.text) emit({ ...delta, text: character });
      },
    });
    expect(fixed(cut, BODY.replace('"content":"x"', '"content":"some words"')).untouched).toBe(true);
  });

  test("vectors are never written", () => {
    const text = '{"data":[{"embedding":[0.10,1e-7]}],"usage":{"prompt_tokens":4}}';
    const result = fixed(planFixes({ enabled: true, modules: {} }), text, "/v1/embeddings");
    expect(result.untouched).toBe(true);
    expect(result.deltas).toEqual([{ kind: "usage", usage: { promptTokens: 4 } }]);
  });
});

test("observing reports and changes not a byte", () => {
  const plan = withRule({ onDelta: (delta, emit) => emit(delta.kind === "text" ? { ...delta, text: "y" } : delta) }, "observe");
  const { untouched, notes } = fixed(plan, BODY);
  expect(untouched).toBe(true);
  expect(notes).toMatchObject([{ fix: "made_up", action: "skipped", reason: "mode is observe" }]);
});

test("what is put in for the client alone is sent and not read", () => {
  const plan = withRule({ onSend: (payload) => ({ ...(payload as object), usage: { prompt_tokens: 9 } }) });
  const { text, deltas, out } = fixed(plan, BODY);
  expect(JSON.parse(text).usage).toEqual({ prompt_tokens: 9 });
  expect([...deltas, ...out].filter(({ kind }) => kind === "usage")).toEqual([]);
});
