import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Step } from "../../src/core/exchange.ts";
import type { Dialect } from "../../src/dialects/dialect.ts";
import { DIALECTS, dialectFor } from "../../src/dialects/index.ts";
import { createExpress } from "../../src/fixes/express.ts";
import type { FixPlan } from "../../src/fixes/fix.ts";
import { planFixes } from "../../src/fixes/index.ts";
import { createStreamPipeline } from "../../src/fixes/pipeline.ts";
import { parseOrUndefined } from "../../src/wire/json.ts";
import { ownCorpus, streamBytes, dialectOfCase, requestOfCase } from "../support/corpus.ts";
import { both, eventCuts, pieces, type Stream } from "./express-support.ts";
import { exchangesOf, isEventStream, recordingNames, responseBody, requestBody, requestPath } from "../support/recordings.ts";

const ALL = planFixes({ enabled: true, modules: {} });

const recorded: Stream[] = recordingNames().flatMap((name) =>
  exchangesOf(name).flatMap((exchange, i) => {
    const dialect = dialectFor("POST", requestPath(exchange));
    if (!dialect || !isEventStream(exchange)) return [];
    const request = dialect.readRequest(parseOrUndefined(requestBody(exchange).toString()));
    return [{ name: `${name} ${i}`, dialect, request, body: responseBody(exchange) }];
  }),
);
const cases: Stream[] = ownCorpus()
  .filter((of) => Array.isArray(of.input) && of.direction !== "request" && of.kind === "stream")
  .map((of) => ({ name: of.id, dialect: dialectOfCase(of), request: requestOfCase(of), body: streamBytes(of) }));

describe.each<readonly [string, FixPlan]>([
  ["every fix", ALL],
  ["every fix observed", ALL.map((entry) => ({ ...entry, mode: "observe" as const }))],
  ["no fix", []],
])("what goes out unread is what would have gone out read: %s", (_name, plan) => {
  it.each(recorded)("$name", (stream) => {
    for (const played of [
      both(plan, stream, eventCuts(stream.body)),
      both(plan, stream, eventCuts(stream.body), true),
      both(plan, stream, []),
      both(plan, stream, eventCuts(stream.body), false, (i) => i % 3 === 0),
    ]) {
      expect(played.got).toEqual(played.wanted);
    }
  });

  it("the project's own cases", () => {
    expect(cases.length).toBeGreaterThan(50);
    for (const stream of cases) {
      const { got, wanted } = both(plan, stream, eventCuts(stream.body));
      expect({ name: stream.name, ...got }).toEqual({ name: stream.name, ...wanted });
    }
  });

  it("at any cut", () => {
    fc.assert(
      fc.property(fc.constantFrom(...recorded, ...cases), fc.array(fc.nat(), { maxLength: 30 }), fc.nat(4), (stream, at, every) => {
        const cuts = [...new Set(at.map((n) => n % (stream.body.length + 1)))].sort((a, b) => a - b);
        const { got, wanted } = both(plan, stream, cuts, every === 0, (i) => i % (every + 1) === 0);
        expect(got).toEqual(wanted);
      }),
      { numRuns: 300 },
    );
  });
});

const chat = dialectFor("POST", "/v1/chat/completions") as Dialect;
const tools = [{ type: "function", function: { name: "write", parameters: { type: "object", properties: { text: { type: "string" } } } } }];

function chatStream(deltas: readonly object[], finish = "stop", more: object = {}): Stream {
  const frame = (choice: object) =>
    `data: ${JSON.stringify({ choices: [{ finish_reason: null, index: 0, ...choice }], created: 1, id: "c-1", model: "m", object: "chat.completion.chunk", ...more })}\n\n`;
  const text = [...deltas.map((delta) => frame({ delta })), frame({ delta: {}, finish_reason: finish }), "data: [DONE]\n\n"].join("");
  return { name: "chat", dialect: chat, request: chat.readRequest({ stream: true, messages: [], tools }), body: Buffer.from(text) };
}

/** Pieces of text that lie close to what the stages look for. */
const piece = fc.oneof(
  fc.constantFrom(
    "Hello",
    " world",
    "\n",
    "\n\n",
    "```",
    "<",
    "</think>",
    "<think>",
    "<tool_call>",
    "f",
    "functions.",
    "fun",
    "[",
    "[TOOL_CALLS]",
  ),
  fc.constantFrom(
    '"',
    "\\",
    "\u{1F680}",
    "é",
    "\uFFFD",
    "｜",
    "\u0001",
    "{",
    "}",
    "assistant",
    "<|im_end|>",
    "DONE",
    ":",
    "c-1",
    "m",
    "\u2028",
  ),
  fc.string({ maxLength: 6, unit: "grapheme" }),
  fc.constant('<tool_call>{"name":"write","arguments":{"text":"x"}}</tool_call>'),
);

describe("express", () => {
  it("mends the same in text that is full of marks", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ kind: fc.constantFrom("content", "reasoning_content"), text: piece }), { maxLength: 40 }),
        fc.boolean(),
        (said, runs) => {
          const sorted = runs ? said.toSorted((a, b) => b.kind.localeCompare(a.kind)) : said;
          const stream = chatStream(sorted.map(({ kind, text }) => ({ [kind]: text })));
          const cuts = eventCuts(stream.body);
          const fours = cuts.filter((_at, i) => i % 4 === 3);
          for (const played of [both(ALL, stream, cuts), both(ALL, stream, fours)]) expect(played.got).toEqual(played.wanted);
        },
      ),
      { numRuns: 600 },
    );
  });

  it("lets plain text out unread, whatever is in it", () => {
    const words = Array.from({ length: 50 }, (_, i) => ({ content: [" word", "é", "\n", ' "quoted"', " \\n", "日本", "🚀"][i % 7] }));
    const stream = chatStream([{ role: "assistant", content: "Hello" }, ...words]);
    const { late, got, wanted } = both(ALL, stream, eventCuts(stream.body));
    expect(got).toEqual(wanted);
    expect(late).toBeGreaterThan(45);
  });

  it("reads what differs in more than its text, and stops learning", () => {
    const frames = Array.from({ length: 60 }, (_, i) => `data: {"n":${i},"choices":[{"index":0,"delta":{"content":"word"}}]}\n\n`);
    const stream = { ...chatStream([]), body: Buffer.from(frames.join("")) };
    const { late, got, wanted } = both(ALL, stream, eventCuts(stream.body));
    expect(got).toEqual(wanted);
    expect(late).toBe(0);
  });

  it("does not take the text for another string of the frame", () => {
    const stream = chatStream(["m", "m", "x", "c-1", "m"].map((content) => ({ content })));
    const { got, wanted } = both(ALL, stream, eventCuts(stream.body));
    expect(got).toEqual(wanted);
  });

  it("keeps only the end of what nobody hears", () => {
    const seen: Step[] = [];
    const stream = chatStream(Array.from({ length: 500 }, () => ({ content: " word" })));
    const one = createExpress(createStreamPipeline([], stream.dialect, stream.request), {
      listened: false,
      onStep: (_at, step) => void seen.push(step),
    });
    const sent = pieces(stream.body, eventCuts(stream.body)).flatMap((chunk) => (one.takes(chunk, 0) ? [chunk] : [...one.push(chunk, 0)]));
    expect(Buffer.concat(sent).equals(stream.body)).toBe(true);
    one.catchUp();
    expect(seen.at(-1)?.deltas).toEqual([{ kind: "done" }]);
    expect(seen.length).toBeLessThan(5);
  });

  it("is there for every dialect that streams", () => {
    const tried = new Set(recorded.map(({ dialect }) => dialect.name));
    expect([...tried]).toEqual(expect.arrayContaining(DIALECTS.filter(({ tools: calls }) => calls).map(({ name }) => name)));
  });
});
