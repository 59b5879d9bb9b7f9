import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Tool } from "../../src/core/delta.ts";
import { createCapture } from "../../src/otel/content.ts";
import { cut } from "../../src/otel/messages.ts";
import { startTelemetry } from "../../src/otel/telemetry.ts";
import { endOf, startOf, stepOf, viewOf } from "../support/exchanges.ts";
import { checkTelemetry } from "../support/otlp-checker.ts";
import { plain, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { optionsFor } from "../support/telemetry-options.ts";

const TOOLS: readonly Tool[] = [{ name: "read", parameters: { type: "object", properties: { path: { type: "string" } } } }];
const encoder = new TextEncoder();

function captured(apiType: string, body: Record<string, unknown>, reply?: unknown, max = 1000) {
  const capture = createCapture(apiType, viewOf(body, { tools: body["tools"] ? TOOLS : [] }), max);
  if (reply !== undefined) {
    const bytes = encoder.encode(JSON.stringify(reply));
    capture.bytes(bytes.subarray(0, 7));
    capture.bytes(bytes.subarray(7));
  }
  return capture.attributes(["stop"]);
}

describe("content as the conventions shape it", () => {
  test("chat", () => {
    const body = {
      tools: [1],
      messages: [
        { role: "system", content: "be brief" },
        {
          role: "user",
          content: [
            { type: "text", text: "look" },
            { type: "image_url", image_url: { url: "data:…" } },
          ],
        },
        {
          role: "assistant",
          content: "",
          reasoning_content: "hm",
          tool_calls: [{ id: "c1", function: { name: "read", arguments: '{"path":"a"}' } }],
        },
        { role: "tool", tool_call_id: "c1", content: "text of a" },
      ],
    };
    const reply = { choices: [{ message: { role: "assistant", content: "done" }, finish_reason: "stop" }] };
    expect(captured("openai.chat_completions", body, reply)).toEqual({
      "gen_ai.input.messages": [
        { role: "system", parts: [{ type: "text", content: "be brief" }] },
        { role: "user", parts: [{ type: "text", content: "look" }, { type: "image_url" }] },
        {
          role: "assistant",
          parts: [
            { type: "reasoning", content: "hm" },
            { type: "tool_call", id: "c1", name: "read", arguments: { path: "a" } },
          ],
        },
        { role: "tool", parts: [{ type: "tool_call_response", id: "c1", response: "text of a" }] },
      ],
      "gen_ai.tool.definitions": [{ type: "function", name: "read", parameters: TOOLS[0]?.parameters }],
      "gen_ai.output.messages": [{ role: "assistant", parts: [{ type: "text", content: "done" }], finish_reason: "stop" }],
    });
  });

  test("Messages", () => {
    const body = {
      system: [{ type: "text", text: "be brief" }],
      messages: [
        { role: "assistant", content: [{ type: "tool_use", id: "t", name: "read", input: { path: "a" } }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: [{ type: "text", text: "a!" }] }] },
      ],
    };
    expect(
      captured("anthropic.messages", body, {
        content: [
          { type: "thinking", thinking: "hm" },
          { type: "text", text: "ok" },
        ],
      }),
    ).toEqual({
      "gen_ai.system_instructions": [{ type: "text", content: "be brief" }],
      "gen_ai.input.messages": [
        { role: "assistant", parts: [{ type: "tool_call", id: "t", name: "read", arguments: { path: "a" } }] },
        { role: "user", parts: [{ type: "tool_call_response", id: "t", response: [{ type: "text", content: "a!" }] }] },
      ],
      "gen_ai.output.messages": [
        {
          role: "assistant",
          parts: [
            { type: "reasoning", content: "hm" },
            { type: "text", content: "ok" },
          ],
          finish_reason: "stop",
        },
      ],
    });
  });

  test("Responses", () => {
    const body = { instructions: "be brief", input: [{ type: "function_call_output", call_id: "c", output: "x" }] };
    const reply = {
      output: [
        { type: "message", role: "assistant", content: [{ type: "output_text", text: "ok" }] },
        { type: "function_call", call_id: "d", name: "read", arguments: "{" },
      ],
    };
    expect(captured("openai.responses", body, reply)).toEqual({
      "gen_ai.system_instructions": [{ type: "text", content: "be brief" }],
      "gen_ai.input.messages": [{ role: "tool", parts: [{ type: "tool_call_response", id: "c", response: "x" }] }],
      "gen_ai.output.messages": [
        {
          role: "assistant",
          parts: [
            { type: "text", content: "ok" },
            { type: "tool_call", id: "d", name: "read", arguments: "{" },
          ],
          finish_reason: "stop",
        },
      ],
    });
  });

  test("prompts of the text APIs", () => {
    const prompt = { "gen_ai.input.messages": [{ role: "user", parts: [{ type: "text", content: "once" }] }] };
    expect(captured("openai.completions", { prompt: "once" })).toEqual(prompt);
    expect(captured("llamacpp.completion", { prompt: { prompt_string: "once", multimodal_data: [] } })).toEqual(prompt);
    expect(captured("llamacpp.infill", { input_prefix: "once" }, { content: "upon" })).toMatchObject({
      "gen_ai.output.messages": [{ role: "assistant", parts: [{ type: "text", content: "upon" }] }],
    });
  });

  test("a stream is put together from what was said to the client", () => {
    const capture = createCapture("openai.chat_completions", undefined, 5);
    for (const text of ["on", "ce upon", " a time"]) capture.deltas([{ kind: "text", choice: 1, text }]);
    capture.deltas([
      { kind: "reasoning", choice: 0, text: "hm" },
      { kind: "tool-open", choice: 0, tool: 0, id: "", name: "read" },
      { kind: "tool-args", choice: 0, tool: 0, text: '{"' },
      { kind: "tool-args", choice: 0, tool: 0, text: 'a":1}' },
    ]);
    expect(capture.attributes(["tool_calls"])).toEqual({
      "gen_ai.output.messages": [
        {
          role: "assistant",
          finish_reason: "tool_calls",
          parts: [
            { type: "reasoning", content: "hm" },
            { type: "tool_call", name: "read", arguments: '{"a":…' },
          ],
        },
        { role: "assistant", parts: [{ type: "text", content: "once …" }] },
      ],
    });
  });

  test("schemas too long are left out whole, and a reply that is no JSON gives nothing", () => {
    expect(captured("openai.chat_completions", { tools: [1] }, undefined, 10)).toEqual({
      "gen_ai.tool.definitions": [{ type: "function", name: "read" }],
    });
    expect(captured("openai.chat_completions", {}, "nonsense")).toEqual({});
  });

  test("a cut keeps at most that many characters and never half of one", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), fc.integer({ min: 1, max: 20 }), (text, max) => {
        const kept = cut(text, max);
        expect(kept.replace(/…$/, "").length).toBeLessThanOrEqual(Math.max(max, 0));
        expect(kept.isWellFormed()).toBe(text.isWellFormed());
      }),
    );
  });

  test("never throws on a body of any shape", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("openai.chat_completions", "anthropic.messages", "openai.responses", "llamacpp.completion"),
        fc.object(),
        fc.object(),
        (api, body, reply) => {
          expect(() => captured(api, body, reply, 20)).not.toThrow(/./);
        },
      ),
    );
  });
});

describe.each([
  ["none", 0, 0],
  ["span", 1, 0],
  ["event", 0, 1],
  ["both", 1, 1],
] as const)("capture_content: %s", (captureContent, onSpan, asEvent) => {
  test("goes where it should, and nowhere else", async () => {
    await using receiver = await startOtlpReceiver();
    await using telemetry = await startTelemetry(optionsFor(receiver.url, { captureContent, contentMaxChars: 8 }));
    const tap = telemetry.begin(startOf());
    tap?.request?.(viewOf({ model: "m", messages: [{ role: "user", content: "my secret thing" }] }), new Uint8Array());
    tap?.step?.(5, stepOf([{ kind: "text", choice: 0, text: "secret" }]));
    tap?.end(
      endOf({
        outcome: "upstream-broke",
        errorType: "UND_ERR_SOCKET",
        summary: { finishReasons: [], toolCalls: 0, chunks: 1, error: { message: "parse error near: secret", type: undefined } },
      }),
    );
    await telemetry.flush();
    const { spans, logs } = receiver.received;
    const call = plain(spans.find((span) => span.kind === 3)?.attributes ?? {});
    const details = logs.filter((log) => log.eventName === "gen_ai.client.inference.operation.details");
    expect(call["gen_ai.input.messages"] === undefined ? 0 : 1).toBe(onSpan);
    expect(details).toHaveLength(asEvent);
    const content = [call, ...details.map((log) => plain(log.attributes))].flatMap((each) => each["gen_ai.input.messages"] ?? []);
    expect(content).toEqual(
      Array.from({ length: onSpan + asEvent }, () => ({ role: "user", parts: [{ type: "text", content: "my secre…" }] })),
    );
    expect(
      JSON.stringify(receiver.received, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value)).includes("secret"),
    ).toBe(captureContent !== "none");
    expect(checkTelemetry(receiver.received, { vocabulary: "1.41", content: captureContent !== "none" })).toEqual([]);
  });
});
