import { assert, integer, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { Recording } from "../../src/core/recording.ts";
import { openaiChat } from "../../src/dialects/openai-chat.ts";
import { defineFrameFix, defineRequestFix, type FixPlan } from "../../src/fixes/fix.ts";
import { parseRecut, recut } from "../../src/replay/recut.ts";
import { replay } from "../../src/replay/replay.ts";
import { framesJson, replayJson, reportText } from "../../src/replay/report.ts";
import { FRAMES, recordStream, recordWhole, REQUEST } from "./support.ts";

/** Writes text in capitals, and holds the last letter of each piece back until the next. */
const shout = defineFrameFix({
  name: "shout",
  summary: "capitals",
  defaultMode: "fix",
  holds: "a short token",
  example: { before: "a", after: "A" },
  source: "test",
  options: z.object({}),
  start: ({ note }) => {
    let held = "";
    return {
      onDelta(delta, emit) {
        if (delta.kind !== "text") {
          if (delta.kind === "finish" && held !== "") emit({ kind: "text", choice: 0, text: held });
          if (delta.kind === "finish") held = "";
          emit(delta);
          return;
        }
        const text = held + delta.text.toUpperCase();
        held = text.slice(-1);
        note({ action: "fixed", target: "content", before: delta.text, after: text });
        emit({ ...delta, text: text.slice(0, -1) });
      },
      onEnd(emit) {
        if (held !== "") emit({ kind: "text", choice: 0, text: held });
      },
    };
  },
});
const SHOUT: FixPlan = [{ fix: shout, mode: "fix", options: {} }];

const addSeed: FixPlan = [
  {
    fix: defineRequestFix({
      name: "add_seed",
      summary: "adds a seed",
      defaultMode: "fix",
      holds: "nothing",
      example: { before: "", after: "" },
      source: "test",
      options: z.object({}),
      mend: ({ text }) => text.replace("{", '{"seed":1,'),
    }),
    mode: "fix",
    options: {},
  },
];

describe("a stream", () => {
  test("a clean recording is same as then and same as upstream", () => {
    const report = replay(recordStream(), []);
    expect(report).toMatchObject({ sameAsThen: true, sameAsUpstream: true, changedFrames: [], differingFrames: [], treatment: "stream" });
    expect(report.frames).toHaveLength(FRAMES.length);
    expect(report.nowSha256).toBe(report.upstreamSha256);
  });

  test("live = replay: what the fixes made then they make again", () => {
    const report = replay(recordStream({ plan: SHOUT }), SHOUT);
    expect(report).toMatchObject({ sameAsThen: true, sameAsUpstream: false, changedFrames: [2, 3, 4], differingFrames: [] });
    expect(report.notes.map((note) => note.fix)).toEqual(["shout", "shout"]);
  });

  test("a fix that is new shows what it would send otherwise", () => {
    const report = replay(recordStream(), SHOUT);
    expect(report).toMatchObject({ sameAsThen: false, changedFrames: [2, 3, 4], differingFrames: [2, 3, 4] });
    const frame = report.frames[2];
    expect(Buffer.from(frame?.sentNow ?? []).toString()).toContain('"HE"');
    expect(Buffer.from(frame?.sentThen ?? []).toString()).toBe(FRAMES[2]);
  });

  test("a fix that is gone shows too", () => {
    expect(replay(recordStream({ plan: SHOUT }), [])).toMatchObject({
      sameAsThen: false,
      sameAsUpstream: true,
      differingFrames: [2, 3, 4],
    });
  });

  test("other cuts make no difference", () => {
    const recording = recordStream({ plan: SHOUT });
    const plain = replay(recording, SHOUT);
    assert(
      property(integer({ min: 0, max: 999_999 }), (seed) => {
        const report = replay(recording, SHOUT, { recut: { kind: "random", seed } });
        expect(report.nowSha256).toBe(plain.nowSha256);
        expect(report.sameAsThen).toBe(true);
      }),
      { numRuns: 50 },
    );
    expect(replay(recording, SHOUT, { recut: { kind: "bytes", size: 1 } })).toMatchObject({ sameAsThen: true, changedFrames: [2, 3, 4] });
  });

  test("the sidecar's own error frame is not compared", () => {
    const ownFrame = 'data: {"error":{"message":"llama-proxy: broke off"}}\n\n';
    for (const plan of [[], SHOUT]) {
      const report = replay(recordStream({ frames: FRAMES.slice(0, 3), outcome: "upstream-broke", ownFrame, plan }), plan);
      expect(report.sameAsThen).toBe(true);
      expect(report.remarks.join()).toContain("own error");
    }
  });

  test("a client that left: what was held is compared as it was let go", () => {
    expect(replay(recordStream({ frames: FRAMES.slice(0, 3), outcome: "client-gone", plan: SHOUT }), SHOUT).sameAsThen).toBe(true);
  });

  test("a frame that was cut off by the backend's end is not sent, then as now", () => {
    const frames = [...FRAMES.slice(0, 3), 'data: {"choices":[{"ind'];
    expect(replay(recordStream({ frames, outcome: "upstream-broke" }), []).sameAsThen).toBe(true);
  });

  test("a truncated recording says so", () => {
    expect(replay(recordStream({ truncated: true }), []).remarks.join()).toContain("incomplete");
  });

  test("under X-Conversation-Id fixes only observe", () => {
    const report = replay(recordStream({ headers: ["X-Conversation-Id", "7"] }), SHOUT);
    expect(report.sameAsUpstream).toBe(true);
    expect(report.notes.every((note) => note.action === "skipped")).toBe(true);
  });
});

describe("other replies", () => {
  const body = JSON.stringify({ choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }], id: "c" });

  test("whole, clean and mended", () => {
    expect(replay(recordWhole(body), [])).toMatchObject({ sameAsThen: true, sameAsUpstream: true, treatment: "whole" });
    const mended = replay(recordWhole(body), SHOUT);
    expect(mended).toMatchObject({ sameAsThen: false, changedFrames: [0] });
    const sent = Buffer.from(mended.frames[0]?.sentNow ?? []).toString();
    expect(replay(recordWhole(body, sent), SHOUT)).toMatchObject({ sameAsThen: true, sameAsUpstream: false });
  });

  test("errors and other types pass as they came", () => {
    expect(replay(recordWhole(body, body, { status: 500 }), SHOUT)).toMatchObject({ treatment: "raw", sameAsThen: true });
    expect(replay(recordWhole("x", "x", { contentType: "text/plain" }), SHOUT)).toMatchObject({ treatment: "raw", sameAsThen: true });
  });

  test("a whole reply that broke off was never sent", () => {
    expect(replay(recordWhole('{"cho', "", { outcome: "upstream-broke" }), SHOUT)).toMatchObject({ sameAsThen: true });
  });

  test("no reply at all", () => {
    const recording: Recording = { ...recordStream(), outcome: "upstream-refused", response: undefined };
    expect(replay(recording, SHOUT)).toMatchObject({ treatment: "none", sameAsThen: true, frames: [] });
  });
});

test("a request that would be forwarded otherwise is a difference", () => {
  const report = replay(recordStream(), addSeed);
  expect(report).toMatchObject({ sameAsThen: false, sameAsUpstream: true, request: { sameAsThen: false, changed: true } });
  const recording = recordStream();
  const forwarded = new TextEncoder().encode(REQUEST.replace("{", '{"seed":1,'));
  expect(replay({ ...recording, request: { ...recording.request, forwarded } }, addSeed).sameAsThen).toBe(true);
});

test("re-cuts are what they say, and join to the same bytes", () => {
  expect(parseRecut("bytes:1")).toEqual({ kind: "bytes", size: 1 });
  expect(parseRecut("random:7")).toEqual({ kind: "random", seed: 7 });
  for (const wrong of ["bytes:0", "bytes", "random:x", "1", ""]) expect(parseRecut(wrong)).toBeUndefined();
  const pieces = FRAMES.map((frame) => new TextEncoder().encode(frame));
  const cuts = [...recut(pieces, { kind: "random", seed: 7 })];
  expect(Buffer.concat(cuts).equals(Buffer.concat(pieces))).toBe(true);
  expect(cuts).toEqual([...recut(pieces, { kind: "random", seed: 7 })]);
  expect(cuts.length).toBeGreaterThan(5);
});

test("the JSON contract", () => {
  const json = JSON.parse(JSON.stringify(replayJson(replay(recordStream(), SHOUT))));
  expect(json).toMatchObject({ id: "0001", frames: 6, same_as_then: false, same_as_upstream: false, changed_frames: [2, 3, 4] });
  for (const name of ["upstream_sha256", "then_sha256", "now_sha256"]) expect(json[name]).toMatch(/^[0-9a-f]{64}$/);
  expect(json.notes[0]).toMatchObject({ fix: "shout", action: "fixed", before: "Hel" });
  expect(framesJson(replay(recordStream(), []))[1]).toMatchObject({
    seq: 1,
    upstream: ": ping\n\n",
    sent_then: ": ping\n\n",
    sent_now: ": ping\n\n",
  });
});

test("the text shows what came and what would be sent, where they differ, and no control characters", () => {
  const plain = { strong: String, faint: String, good: String, bad: String };
  const text = reportText(replay(recordStream(), SHOUT), false, { width: 80, ...plain });
  expect(text).toMatch(/same as then {6}no: frames 2, 3, 4/);
  expect(text).toContain('"HE"');
  expect(text.split("\n").every((line) => line.length <= 80 || line.includes("same"))).toBe(true);
  const evil = FRAMES.map((frame) => frame.replace("Hel", "\u001B[2J"));
  expect(reportText(replay(recordStream({ frames: evil }), SHOUT), true, { width: 300, ...plain })).not.toContain("\u001B");
});

test("an unknown dialect is named", () => {
  expect(replay({ ...recordStream(), dialect: "no.such" }, []).remarks.join()).toContain("no.such");
  expect(openaiChat.name).toBe("openai.chat_completions");
});
