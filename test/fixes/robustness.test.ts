import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { Tool } from "../../src/core/delta.ts";
import { openaiChat } from "../../src/dialects/openai-chat.ts";
import { defineArgumentFix, defineContentFix } from "../../src/fixes/fix.ts";
import { fixDocument } from "../../src/fixes/document.ts";
import { createStreamPipeline } from "../../src/fixes/pipeline.ts";
import { mended, planOf, writeFile } from "./arguments/support.ts";

const LEVELS = 100_000;
const nested = "[".repeat(LEVELS) + "]".repeat(LEVELS);
const anything: Tool = { name: "f", parameters: { type: "object", properties: { a: {} } } };
const list: Tool = { name: "f", parameters: { type: "object", properties: { a: { type: "array" } } } };
const toolOf = (parameters: unknown): Tool => ({ name: "f", parameters });

describe(`arguments nested ${LEVELS} levels deep`, () => {
  test.each<[string, Tool, string]>([
    ["arrays", anything, `{"a":${nested}}`],
    ["objects", anything, `{"a":${'{"a":'.repeat(LEVELS)}1${"}".repeat(LEVELS)}}`],
    ["never closed", anything, `{"a":${"[".repeat(LEVELS)}`],
    ["written as text", list, `{"a":${JSON.stringify(nested)}}`],
    ["in an envelope in an envelope", writeFile, `${'{"arguments":'.repeat(LEVELS)}{}${"}".repeat(LEVELS)}`],
    ["in single quotes", anything, `${"{'a':".repeat(LEVELS)}1${"}".repeat(LEVELS)}`],
  ])("pass as they are: %s", (_what, tool, input) => {
    expect(mended(input, tool).text.join("") === input).toBe(true);
  });
});

describe("a tool's schema", () => {
  const nest = (times: number, wrap: (inner: unknown) => unknown, inner: unknown): unknown => {
    let schema = inner;
    for (let i = 0; i < times; i++) schema = wrap(schema);
    return schema;
  };
  const references = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`d${i}`, { $ref: `#/$defs/d${i + 1}` }]));

  test.each<[string, unknown]>([
    ["that refers to itself in a circle", { $ref: "#/$defs/A", $defs: { A: { $ref: "#/$defs/B" }, B: { $ref: "#/$defs/A" } } }],
    ["whose property is one of itself", { properties: { a: { $ref: "#/$defs/A" } }, $defs: { A: { anyOf: [{ $ref: "#/$defs/A" }] } } }],
    ["of fifty thousand references in a row", { properties: { a: { $ref: "#/$defs/d0" } }, $defs: references }],
    ["nested fifty thousand levels deep", nest(50_000, (inner) => ({ type: "object", properties: { a: inner } }), {})],
    ["of alternatives in alternatives", { properties: { a: nest(50_000, (inner) => ({ anyOf: [inner] }), {}) } }],
    ["that doubles forty times", { properties: { a: nest(40, (inner) => ({ anyOf: [inner, inner] }), { type: "null" }) } }],
  ])("%s is read in bounded time, and sound arguments pass", (_what, parameters) => {
    const start = performance.now();
    expect(mended('{"a": 5}', toolOf(parameters)).text).toEqual(['{"a": 5}']);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

const tools = Array.from({ length: 5000 }, (_, i) => ({
  name: `tool_${i}`,
  parameters: { type: "object", properties: { path: { type: "string" } }, required: ["path"] },
}));
const request = { model: "m", tools, toolsForbidden: false, parallelToolCalls: undefined, conversation: undefined, body: {} };

test("one of five thousand tools is found by another spelling of its name", () => {
  const call = { id: "a", type: "function", function: { name: "functions.Tool-4999", arguments: '{"file":"a"}' } };
  const text = JSON.stringify({
    choices: [{ index: 0, finish_reason: "tool_calls", message: { role: "assistant", content: null, tool_calls: [call] } }],
  });
  const start = performance.now();
  const fixed = fixDocument(planOf(), openaiChat, { ...request, stream: false }, new TextEncoder().encode(text));
  expect(performance.now() - start).toBeLessThan(2000);
  expect(new TextDecoder().decode(fixed.sent)).toContain('"name":"tool_4999","arguments":"{\\"path\\":\\"a\\"}"');
});

test("ten megabytes of arguments in pieces: nothing is kept, whether they need mending or not", () => {
  const frame = (args: string): Uint8Array =>
    new TextEncoder().encode(
      `data: ${JSON.stringify({ choices: [{ index: 0, delta: { tool_calls: [{ index: 0, function: { arguments: args } }] } }] })}\n\n`,
    );
  for (const line of ['say \\"x\\" {é}\\n', "regex \\d+ \\s and so on "]) {
    const pipeline = createStreamPipeline(planOf(), openaiChat, { ...request, stream: true, tools: [writeFile] });
    let came = 0;
    let sent = 0;
    let most = 0;
    const push = (bytes: Uint8Array): void => {
      came += bytes.length;
      for (const step of pipeline.push(bytes)) for (const out of step.sent) sent += out.length;
      // What mending adds makes this smaller, never larger.
      most = Math.max(most, came - sent);
    };
    const open = { index: 0, id: "a", type: "function", function: { name: "write", arguments: '{"filePath":"a","content":"' } };
    push(new TextEncoder().encode(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { tool_calls: [open] } }] })}\n\n`));
    const piece = frame(line.repeat(Math.ceil(4096 / line.length)));
    for (let i = 0; i < 2560; i++) push(piece);
    expect(sent).toBeGreaterThan(10_000_000);
    expect(most).toBeLessThan(64 * 1024);
  }
});

test.each(["content", "arguments"] as const)("a fix of %s that cannot be set up leaves the reply alone, and says so", (kind) => {
  const rule = (): never => {
    throw new Error("no rule");
  };
  const define = kind === "content" ? defineContentFix : defineArgumentFix;
  const fix = define({
    name: "made_up",
    summary: "",
    defaultMode: "fix",
    holds: "nothing",
    example: { before: "", after: "" },
    source: "",
    options: z.strictObject({}),
    rule,
  });
  const pipeline = createStreamPipeline([{ fix, mode: "fix", options: {} }], openaiChat, { ...request, stream: true });
  const call = '{"index":0,"id":"a","function":{"name":"write","arguments":"{"}}';
  const bytes = new TextEncoder().encode(`data: {"choices":[{"index":0,"delta":{"content":"hello","tool_calls":[${call}]}}]}\n\n`);
  expect(pipeline.push(bytes).flatMap((step) => step.sent)).toEqual([bytes]);
  expect(pipeline.notes()).toMatchObject([{ action: "skipped", reason: expect.stringContaining("no rule") as string }]);
});
