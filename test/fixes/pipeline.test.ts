import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { dialectFor } from "../../src/dialects/index.ts";
import { fixDocument } from "../../src/fixes/document.ts";
import { defineFrameFix, type FixPlan, type FrameRule } from "../../src/fixes/fix.ts";
import { FRAME_FIXES } from "../../src/fixes/frame/index.ts";
import { planFixes } from "../../src/fixes/index.ts";
import { createStreamPipeline } from "../../src/fixes/pipeline.ts";
import { parseOrUndefined } from "../../src/wire/json.ts";
import {
  exchangeOf,
  exchangesOf,
  isEventStream,
  recordingNames,
  requestBody,
  requestPath,
  responseBody,
  sharedRecordings,
  type RecordedExchange,
} from "../support/recordings.ts";
import { foldChat } from "../support/fold.ts";

const everything = planFixes({ enabled: true, modules: {} });
const frameOnly = planFixes({ enabled: true, modules: {} }, FRAME_FIXES);

const recorded = [...new Set([...recordingNames(), ...sharedRecordings()])]
  .flatMap((name) => exchangesOf(name).map((exchange, i) => [`${name}#${i}`, exchange] as const))
  .filter(([, exchange]) => exchange.response && dialectFor(exchange.request.method, requestPath(exchange)));
const streams = recorded.filter(([, exchange]) => isEventStream(exchange));
const documents = recorded.filter(([, exchange]) => !isEventStream(exchange));

function partsOf(exchange: RecordedExchange) {
  const dialect = dialectFor("POST", requestPath(exchange));
  if (!dialect) throw new Error("no dialect");
  return { dialect, request: dialect.readRequest(parseOrUndefined(requestBody(exchange).toString())) };
}

function play(plan: FixPlan, exchange: RecordedExchange, body: Buffer, cuts: readonly number[] = []) {
  const { dialect, request } = partsOf(exchange);
  const pipeline = createStreamPipeline(plan, dialect, request);
  const edges = [0, ...cuts, body.length];
  const steps = edges.slice(1).flatMap((to, i) => pipeline.push(body.subarray(edges[i], to)));
  steps.push(...pipeline.end());
  return { sent: Buffer.concat(steps.flatMap((step) => step.sent)), notes: pipeline.notes(), steps };
}

/** A plan of one made-up fix beside what else is given. */
function withRule(rule: () => FrameRule, mode: "fix" | "observe" = "fix"): FixPlan {
  const fix = defineFrameFix({
    name: "made_up",
    summary: "for this test",
    defaultMode: "fix",
    holds: "nothing",
    example: { before: "", after: "" },
    source: "",
    options: z.strictObject({}),
    start: rule,
  });
  return [{ fix, mode, options: {} }];
}

describe("identity", () => {
  test.each(streams)("%s: an empty plan sends every frame's own bytes", (_name, exchange) => {
    const body = responseBody(exchange);
    const { sent, steps, notes } = play([], exchange, body);
    expect(sent.equals(body)).toBe(true);
    expect(steps.every((step) => step.sent.length === 1 && step.out === step.deltas)).toBe(true);
    expect(notes).toEqual([]);
  });

  test.each(streams)("%s: llama-server's own frames give the frame rules nothing to do", (_name, exchange) => {
    const body = responseBody(exchange);
    const { sent, notes } = play(frameOnly, exchange, body);
    expect(notes).toEqual([]);
    expect(sent.equals(body)).toBe(true);
  });

  test.each(streams)("%s: with every fix on, bytes only change with a note", (_name, exchange) => {
    const body = responseBody(exchange);
    const { sent, notes } = play(everything, exchange, body);
    const fixed = notes.some(({ action }) => action === "fixed");
    expect(fixed || sent.equals(body)).toBe(true);
  });

  test.each(documents)("%s: whole bodies too", (_name, exchange) => {
    const { dialect, request } = partsOf(exchange);
    const body = responseBody(exchange);
    expect(fixDocument(frameOnly, dialect, request, body)).toMatchObject({ sent: body, notes: [] });
    const all = fixDocument(everything, dialect, request, body);
    const fixed = all.notes.some(({ action }) => action === "fixed");
    expect(fixed ? body : all.sent).toBe(body);
  });
});

describe("cut-invariance", () => {
  const chosen = [
    "tool-text-then-two-stream",
    "chat-utf8-stream",
    "anthropic-tool-stream",
    "responses-reasoning-tool-stream",
    "ping-during-prompt-stream",
    "tool-duplicate-optional-param-stream",
  ];

  test.each(chosen)("%s: any chunking gives the same bytes and notes", (name) => {
    const exchange = exchangeOf(name);
    const body = responseBody(exchange);
    const whole = play(everything, exchange, body);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: body.length }), { maxLength: 40 }), (cuts) => {
        const cut = play(
          everything,
          exchange,
          body,
          cuts.sort((a, b) => a - b),
        );
        expect(cut.sent.equals(whole.sent)).toBe(true);
        expect(cut.notes).toEqual(whole.notes);
      }),
      { numRuns: 60 },
    );
  });

  test("byte by byte", () => {
    const exchange = exchangeOf("chat-utf8-stream");
    const body = responseBody(exchange);
    const cuts = Array.from({ length: body.length }, (_, i) => i);
    expect(play(everything, exchange, body, cuts).sent.equals(body)).toBe(true);
  });

  test("any bytes at all pass through unharmed, and nothing throws", () => {
    const exchange = exchangeOf("tool-single-stream");
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("data: ", "\n\n", "\r\n", "data: {}\n\n", "error: x\n", "{", "[DONE]")),
        ),
        (parts) => {
          const body = Buffer.from(parts.join(""));
          expect(play([], exchange, body).sent.equals(body)).toBe(true);
          play(everything, exchange, body);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("a broken fix never reaches the client", () => {
  const exchange = exchangeOf("chat-hello-stream");
  const body = responseBody(exchange);
  const fail = () => {
    throw new Error("broken");
  };

  test.each<[string, () => FrameRule]>([
    ["onPayload", () => ({ onPayload: fail })],
    ["onDelta", () => ({ onDelta: fail })],
    ["onEnd", () => ({ onEnd: fail })],
    ["start", fail],
  ])("one that throws in %s is cut out, with a note", (_where, rule) => {
    const { sent, notes } = play(withRule(rule), exchange, body);
    expect(sent.equals(body)).toBe(true);
    expect(notes).toMatchObject([{ fix: "made_up", action: "skipped", reason: expect.stringMatching(/broken/u) }]);
  });

  test("one that throws on an odd frame leaves the frame alone", () => {
    const odd = Buffer.from("data: {half\n\ndata: [DONE]\n\n");
    const { sent, notes } = play(
      withRule(() => ({ onOddFrame: fail })),
      exchange,
      odd,
    );
    expect(sent.equals(odd)).toBe(true);
    expect(notes).toHaveLength(1);
  });

  test("one that throws on a whole body leaves the body alone", () => {
    const whole = exchangeOf("chat-hello");
    const { dialect, request } = partsOf(whole);
    const bytes = responseBody(whole);
    const fixed = fixDocument(
      withRule(() => ({ onDocument: fail })),
      dialect,
      request,
      bytes,
    );
    expect(fixed.sent).toBe(bytes);
    expect(fixed.notes).toHaveLength(1);
  });
});

describe("observe", () => {
  test("reports what it would do and changes not a byte", () => {
    const exchange = exchangeOf("chat-hello-stream");
    const stream = Buffer.from(
      'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"x"},"finish_reason":"tool_calls"}]}\n\ndata: [DONE]\n\n',
    );
    const observing = frameOnly.map((entry) => ({ ...entry, mode: "observe" as const }));
    const seen = play(observing, exchange, stream);
    expect(seen.sent.equals(stream)).toBe(true);
    expect(seen.notes).toMatchObject([{ fix: "finish_reason", action: "skipped", after: "stop", reason: "mode is observe" }]);
    expect(play(frameOnly, exchange, stream).notes).toMatchObject([{ fix: "finish_reason", action: "fixed", after: "stop" }]);
  });
});

describe("limits and ends", () => {
  const exchange = exchangeOf("chat-hello-stream");
  const { dialect, request } = partsOf(exchange);

  test("a frame above the limit lets the rest of the stream pass unread", () => {
    const pipeline = createStreamPipeline(everything, dialect, request, { frameBytes: 100 });
    const body = Buffer.from(`data: {"x":"${"y".repeat(500)}"}\n\ndata: [DONE]\n\n`);
    const sent: Uint8Array[] = [];
    for (let at = 0; at < body.length; at += 50) sent.push(...pipeline.push(body.subarray(at, at + 50)).flatMap((step) => step.sent));
    sent.push(...pipeline.end().flatMap((step) => step.sent));
    expect(Buffer.concat(sent).equals(body)).toBe(true);
    expect(pipeline.notes()).toMatchObject([{ fix: "pipeline", action: "skipped" }]);
  });

  test("what the backend broke off is not ended for it", () => {
    const frame = 'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}\n\n';
    const ended = createStreamPipeline(everything, dialect, request);
    ended.push(Buffer.from(frame));
    expect(ended.end().flatMap((step) => step.sent.map(String))).toHaveLength(1);
    const cut = createStreamPipeline(everything, dialect, request);
    cut.push(Buffer.from(`${frame}data: {"cho`));
    expect(cut.end(true).flatMap((step) => step.sent)).toEqual([]);
  });

  test("numbers that a double cannot hold survive a rewritten frame", () => {
    const stream = Buffer.from(
      'data: {"big":12345678901234567890,"choices":[{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":null}]}\n\n',
    );
    const plan = withRule(() => ({ onDelta: (delta, emit) => emit(delta.kind === "text" ? { ...delta, text: "b" } : delta) }));
    const { sent } = play(plan, exchange, stream);
    expect(sent.toString()).toContain('"big":12345678901234567890');
    expect(foldChat(sent).content).toBe("b");
  });
});

test("a ping passes at once, also while a fix holds the frame before it", () => {
  const dialect = dialectFor("POST", "/v1/chat/completions");
  if (!dialect) throw new Error("no chat dialect");
  const tools = [{ type: "function", function: { name: "f", parameters: { type: "object", properties: { a: { type: "string" } } } } }];
  const pipeline = createStreamPipeline(planFixes({ enabled: true, modules: {} }), dialect, dialect.readRequest({ stream: true, tools }));
  const chunk = (content: string): Buffer =>
    Buffer.from(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { role: "assistant", content }, finish_reason: null }] })}\n\n`);
  const held = pipeline.push(chunk("<tool_call>"));
  expect(held.flatMap((step) => step.sent)).toEqual([]);
  const ping = pipeline.push(Buffer.from(":\n\n"));
  expect(ping.flatMap((step) => step.sent).map((bytes) => Buffer.from(bytes).toString())).toEqual([":\n\n"]);
});

test("a frame above the limit stops the reading, however the network cut it", () => {
  const dialect = dialectFor("POST", "/v1/chat/completions");
  if (!dialect) throw new Error("no chat dialect");
  const frame = (content: string): Buffer =>
    Buffer.from(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { role: "assistant", content }, finish_reason: null }] })}\n\n`);
  const body = Buffer.concat([frame("a"), frame("b".repeat(500)), frame("c")]);
  const played = (size: number) => {
    const pipeline = createStreamPipeline(planFixes({ enabled: true, modules: {} }), dialect, dialect.readRequest({ stream: true }), {
      frameBytes: 400,
    });
    const steps = [];
    for (let at = 0; at < body.length; at += size) steps.push(...pipeline.push(body.subarray(at, at + size)));
    steps.push(...pipeline.end());
    return {
      sent: Buffer.concat(steps.flatMap((step) => step.sent)).equals(body),
      texts: steps.flatMap((step) => step.deltas).length,
      notes: pipeline.notes().map((note) => note.reason),
    };
  };
  const whole = played(body.length);
  expect(whole).toEqual({ sent: true, texts: 1, notes: ["a frame above 400 bytes: the rest of the stream passes unread"] });
  for (const size of [1, 7, 100, 450]) expect(played(size)).toEqual(whole);
});
