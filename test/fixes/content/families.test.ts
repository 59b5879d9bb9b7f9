import { describe, expect, test } from "vitest";
import { CONTENT_FIXES } from "../../../src/fixes/content/index.ts";
import { CALLS, UNTOUCHED, type Case } from "./cases.ts";
import { at, characters, playCase, whole, type Cut, type Played } from "./play.ts";

function cuts(text: string): Cut[] {
  const step = Math.max(1, Math.floor(text.length / 60));
  const places = Array.from({ length: Math.ceil(text.length / step) }, (_, i) => at(i * step));
  return [characters, ...places];
}

function shape({ text, reasoning, calls, finish }: Played): unknown {
  return { text, reasoning, calls, finish };
}

describe.each(CALLS.map((one): [string, Case] => [`${one.family}: ${one.name}`, one]))("%s", (_name, one) => {
  test("is mended", () => {
    const got = playCase(one, whole);
    expect(got.calls.map((call) => [call.name, JSON.parse(call.arguments)])).toEqual(one.expect.calls ?? []);
    expect(got.text.trim().replaceAll(/\n{3,}/gu, "\n\n")).toBe(one.expect.text ?? "");
    expect(got.reasoning.trim()).toBe(one.expect.reasoning ?? "");
    expect(got.finish).toBe((one.expect.calls ?? []).length > 0 ? "tool_calls" : "stop");
    expect(got.notes.every((note) => note.action === "fixed")).toBe(true);
    expect(new Set(got.notes.map((note) => note.fix))).toContain(
      one.name === "repeated where many are welcome" ? "content_hermes_json" : noted(one),
    );
  });

  test("comes out the same wherever it is cut", () => {
    const want = shape(playCase(one, whole));
    for (const cut of cuts(one.text + (one.reasoning ?? ""))) expect(shape(playCase(one, cut))).toEqual(want);
  });
});

/** Two different calls are nothing for the rule about repeated ones. */
function noted(one: Case): string {
  return one.name === "two different calls stay two" ? "content_hermes_json" : one.family;
}

describe("untouched", () => {
  test.each(UNTOUCHED.map((one): [string, (typeof UNTOUCHED)[number]] => [one.name, one]))("%s", (_name, one) => {
    for (const cut of [whole, ...cuts(one.text + (one.reasoning ?? ""))]) {
      const got = playCase(one, cut);
      expect(shape(got)).toEqual({ text: one.text, reasoning: one.reasoning ?? "", calls: [], finish: one.finish ?? "stop" });
      expect(got.notes.filter((note) => note.action === "fixed")).toEqual([]);
    }
  });
});

test("every family has at least three cases, but for the rules about other rules", () => {
  const least = (name: string): number => (name === "content_repeated_calls" ? 2 : 3);
  const short = CONTENT_FIXES.filter((fix) => CALLS.filter((one) => one.family === fix.name).length < least(fix.name));
  expect(short.map((fix) => fix.name)).toEqual([]);
});

test.each(CONTENT_FIXES.map((fix) => fix.name))("%s off: its cases are left alone by the others, or read by one that may", (name) => {
  const others = CONTENT_FIXES.map((fix) => fix.name).filter((other) => other !== name);
  for (const one of CALLS.filter((entry) => entry.family === name)) {
    const got = playCase(one, whole, others);
    expect(got.notes.map((note) => note.fix)).not.toContain(name);
    const alone = playCase(one, whole, [name]);
    expect(new Set(alone.notes.map((note) => note.fix)).size).toBeLessThanOrEqual(1);
  }
});
