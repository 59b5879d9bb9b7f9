import { expect, test } from "vitest";
import { z } from "zod";
import { defineFrameFix, type FixPlan } from "../../src/fixes/fix.ts";
import { planFixes } from "../../src/fixes/index.ts";
import { bisect } from "../../src/replay/bisect.ts";
import { CALLS, recordingOf } from "./recorded.ts";
import { recordStream } from "./support.ts";

/** A fix that rewrites text, noting it where it does. */
function rewriting(name: string, change: (text: string) => string): FixPlan[number] {
  const fix = defineFrameFix({
    name,
    summary: name,
    defaultMode: "fix",
    holds: "nothing",
    example: { before: "", after: "" },
    source: "test",
    options: z.object({}),
    start: ({ note }) => ({
      onDelta(delta, emit) {
        if (delta.kind !== "text") return emit(delta);
        const text = change(delta.text);
        if (text !== delta.text) note({ action: "fixed", target: "content", before: delta.text, after: text });
        emit({ ...delta, text });
      },
    }),
  });
  return { fix, mode: "fix", options: {} };
}

const idle = rewriting("idle", (text) => text);
const bells = rewriting("bells", (text) => text.replace("Hel", "Bel"));
const bulls = rewriting("bulls", (text) => text.replace("Bel", "Bul"));
const loud = rewriting("loud", (text) => text.toUpperCase());

test("a clean recording: nothing changes it", () => {
  expect(bisect(recordStream(), [idle])).toMatchObject({ changed: false, minimal: [], redundant: [], sameAsThen: true });
});

test("one fix among many, with the frames it changes", () => {
  const plan = [idle, bells, idle];
  expect(bisect(recordStream({ plan }), plan)).toMatchObject({
    changed: true,
    sameAsThen: true,
    minimal: [{ fix: "bells", frames: [2], needs: [], request: false }],
    redundant: [],
  });
});

test("two that interact: both are in the minimal set, and one says that it needs the other", () => {
  const plan = [idle, bells, bulls];
  const { minimal } = bisect(recordStream({ plan }), plan);
  expect(minimal.map(({ fix, needs }) => [fix, needs])).toEqual([
    ["bells", []],
    ["bulls", ["bells"]],
  ]);
});

test("two that do the same: one of them is redundant", () => {
  const plan = [
    loud,
    rewriting("shout", (text) => text.toUpperCase()),
    rewriting("yell", (text) => text.replaceAll(/[a-z]/g, (letter) => letter.toUpperCase())),
  ];
  const found = bisect(recordStream({ plan }), plan);
  expect(found.minimal).toHaveLength(1);
  expect(found.changed).toBe(true);
});

test("a fix that noted a change and is not needed for the outcome is redundant", () => {
  // What bells writes, over writes again whatever stood there.
  const over = rewriting("over", (text) => text.replace(/[BH]el/, "Tel"));
  const found = bisect(recordStream({ plan: [bells, over] }), [bells, over]);
  expect([found.minimal.map(({ fix }) => fix), found.redundant]).toEqual([["over"], ["bells"]]);
});

test("a difference to then: which fixes to switch off to get it back", () => {
  expect(bisect(recordStream(), [idle, loud]).offForThen).toEqual(["loud"]);
  expect(bisect(recordStream(), [bells, loud]).offForThen?.toSorted()).toEqual(["bells", "loud"]);
  expect(bisect(recordStream({ plan: [loud] }), []).offForThen).toBeUndefined();
});

test("every carried recording that today's fixes change: the minimal set does all of it", () => {
  const plan = planFixes({ enabled: true, modules: {} });
  let changed = 0;
  for (const call of [...CALLS.values()].flat()) {
    if (call.method !== "POST") continue;
    const recording = recordingOf(call, plan);
    const found = bisect(recording, plan);
    expect([call.name, found.sameAsThen]).toEqual([call.name, true]);
    if (!found.changed) continue;
    changed += 1;
    const names = new Set(found.minimal.map(({ fix }) => fix));
    const only = bisect(
      recording,
      plan.filter((entry) => names.has(entry.fix.name)),
    );
    expect([call.name, only.sameAsThen, only.minimal.map(({ fix }) => fix)]).toEqual([call.name, true, [...names]]);
  }
  expect(changed).toBeGreaterThan(1);
});
