import { assert, integer, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import type { RequestMetrics } from "../../src/core/metrics.ts";
import { formatRequest, type FinishedRequest, type Look } from "../../src/stats/format.ts";
import { COLOUR, displayWidth, PLAIN } from "../../src/stats/text.ts";

const FULL: RequestMetrics = {
  model: "qwen3-coder",
  client: "opencode",
  promptTokens: 1234,
  completionTokens: 105,
  totalTokens: 1339,
  cachedTokens: 1000,
  promptTps: 1529.411,
  generationTps: 45.2,
  promptMs: 153,
  generationMs: 2310,
  ttftMs: 161.2345678,
  durationMs: 2471.5,
  contextTotal: 32_768,
  contextUsed: 1339,
  contextPercent: 4.0863,
  finishReason: "tool_calls",
  streaming: true,
  outcome: "completed",
  status: 200,
  fixes: ["toolcall_bad_filepath"],
};
const BARE: RequestMetrics = { durationMs: 5, streaming: false, outcome: "upstream-refused", status: 502, fixes: [] };

function request(metrics: RequestMetrics, reason?: string): FinishedRequest {
  return { id: "abc", at: Date.UTC(2026, 10, 20, 14, 3, 22), path: "/v1/chat/completions", metrics, reason };
}

function look(width: number, facts: Partial<Look> = {}): Look {
  return { width, style: PLAIN, lines: true, ...facts };
}

describe("json", () => {
  test("has the names other programs rely on", () => {
    expect(JSON.parse(formatRequest(request(FULL), "json"))).toEqual({
      request_id: "abc",
      timestamp: "2026-11-20T14:03:22.000Z",
      model: "qwen3-coder",
      prompt_tokens: 1234,
      completion_tokens: 105,
      total_tokens: 1339,
      cached_tokens: 1000,
      prompt_tps: 1529.41,
      generation_tps: 45.2,
      prompt_ms: 153,
      generation_ms: 2310,
      ttft_ms: 161.235,
      context_total: 32_768,
      context_used: 1339,
      context_percent: 4.09,
      streaming: true,
      finish_reason: "tool_calls",
      outcome: "completed",
      fixes: ["toolcall_bad_filepath"],
      duration_ms: 2471.5,
      status: 200,
      path: "/v1/chat/completions",
      client: "opencode",
    });
  });

  test("what is not known is absent, and it is one line", () => {
    const line = formatRequest(request(BARE), "json");
    expect(Object.keys(JSON.parse(line))).toEqual([
      "request_id",
      "timestamp",
      "streaming",
      "outcome",
      "fixes",
      "duration_ms",
      "status",
      "path",
    ]);
    expect(line.indexOf("\n")).toBe(line.length - 1);
  });
});

describe("compact", () => {
  test("is one line of key=value", () => {
    expect(formatRequest(request(FULL), "compact")).toBe(
      "model=qwen3-coder toks=1234/105 cached=1000 tps=1529.4/45.2 ctx=1339/32768 stream=true finish=tool_calls ttft=161ms dur=2.47s fixes=toolcall_bad_filepath id=abc\n",
    );
    expect(formatRequest(request(BARE, 'no "answer"'), "compact")).toBe(
      'stream=false dur=5ms outcome=upstream-refused status=502 reason="no \\"answer\\"" id=abc\n',
    );
    expect(formatRequest(request({ ...BARE, model: "a b\n", promptTokens: 3 }), "compact")).toMatch(/^model="a b " toks=3\/- /);
  });
});

describe("pretty", () => {
  test("is a box with the groups", () => {
    const box = formatRequest(request(FULL), "pretty", look(80));
    for (const part of [
      "qwen3-coder",
      "1529.4 tok/s",
      "first token 161ms",
      "cached 1,000",
      "1,339 / 32,768  4.1 %",
      "tool_calls",
      "toolcall_bad_filepath",
    ]) {
      expect(box).toContain(part);
    }
    expect(box).not.toContain("Outcome");
    const failed = formatRequest(request(BARE, "connection refused"), "pretty", look(80));
    expect(failed).toContain("upstream-refused");
    expect(failed).toContain("connection refused");
    expect(failed).not.toContain("Tokens");
  });

  test("every line is as wide as the box, for any terminal and any text", () => {
    assert(
      property(integer({ min: 1, max: 200 }), string({ unit: "binary" }), string({ unit: "grapheme" }), (width, model, reason) => {
        const metrics = { ...FULL, model, outcome: "internal" as const, fixes: [reason, model] };
        const lines = formatRequest(request(metrics, reason), "pretty", look(width)).trimEnd().split("\n");
        const widths = new Set(lines.map(displayWidth));
        expect([...widths]).toEqual([Math.max(24, Math.min(width, 84))]);
      }),
      { numRuns: 300 },
    );
  });

  test.each(["\u302A", "\uFE0F", "\u0301x", "\u200D", "\u0600", "\u0E33"])(
    "text that joins what is printed before it keeps the box whole: %j",
    (model) => {
      const lines = formatRequest(request({ ...FULL, model }), "pretty", look(40))
        .trimEnd()
        .split("\n");
      expect([...new Set(lines.map(displayWidth))]).toEqual([40]);
    },
  );

  test("colours change nothing but colours; without line drawing it is ASCII", () => {
    const plain = formatRequest(request(FULL), "pretty", look(60));
    // oxlint-disable-next-line no-control-regex -- escape sequences are what is taken out
    expect(formatRequest(request(FULL), "pretty", look(60, { style: COLOUR })).replace(/\u001B\[\d+m/g, "")).toBe(plain);
    // oxlint-disable-next-line no-control-regex -- ASCII
    expect(formatRequest(request(FULL), "pretty", look(40, { lines: false }))).toMatch(/^[\u0000-\u007F]+$/);
  });
});
