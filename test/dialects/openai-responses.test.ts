import { expect, test } from "vitest";
import type { Delta } from "../../src/core/delta.ts";
import { openaiResponses } from "../../src/dialects/openai-responses.ts";
import { foldResponses, payloadsOf } from "../support/fold.ts";
import { readStream, rewriteStream } from "../support/rewrite.ts";

let number = 0;
function event(type: string, members: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: number++, ...members })}\n\n`;
}

/** A stream in OpenAI's own form: events numbered, items placed, `*.done` of arguments, which llama-server leaves out. */
function numbered(): Buffer {
  number = 0;
  const message = { type: "message", id: "msg_a", role: "assistant", status: "in_progress", content: [] };
  const call = { type: "function_call", id: "fc_b", call_id: "call_b", name: "grep", arguments: "", status: "in_progress" };
  const text = { type: "output_text", annotations: [], text: "Hi there" };
  const items = [
    { ...message, status: "completed", content: [text] },
    { ...call, status: "completed", arguments: '{"a":1}' },
  ];
  return Buffer.from(
    [
      event("response.created", { response: { id: "resp_1", status: "in_progress", model: "m" } }),
      event("response.output_item.added", { output_index: 0, item: message }),
      event("response.content_part.added", { output_index: 0, content_index: 0, item_id: "msg_a", part: { ...text, text: "" } }),
      event("response.output_text.delta", { output_index: 0, content_index: 0, item_id: "msg_a", delta: "Hi" }),
      event("response.output_text.delta", { output_index: 0, content_index: 0, item_id: "msg_a", delta: " there" }),
      event("response.output_text.done", { output_index: 0, content_index: 0, item_id: "msg_a", text: "Hi there" }),
      event("response.output_item.done", { output_index: 0, item: items[0] }),
      event("response.output_item.added", { output_index: 1, item: call }),
      event("response.function_call_arguments.delta", { output_index: 1, item_id: "fc_b", delta: '{"a":' }),
      event("response.function_call_arguments.delta", { output_index: 1, item_id: "fc_b", delta: "1}" }),
      event("response.function_call_arguments.done", { output_index: 1, item_id: "fc_b", arguments: '{"a":1}' }),
      event("response.output_item.done", { output_index: 1, item: items[1] }),
      event("response.completed", {
        response: { id: "resp_1", status: "completed", model: "m", output: items, usage: { input_tokens: 3, output_tokens: 2 } },
      }),
    ].join(""),
  );
}

const CALL: readonly Delta[] = [
  { kind: "tool-open", choice: 0, tool: 9, id: "call_first", name: "made" },
  { kind: "tool-args", choice: 0, tool: 9, text: "{}" },
  { kind: "tool-close", choice: 0, tool: 9 },
];

test("numbers and places go on where the backend's own stop fitting", () => {
  let put = false;
  const sent = rewriteStream(openaiResponses, numbered(), (deltas) => {
    if (put || !deltas.some((delta) => delta.kind === "tool-open")) return deltas;
    put = true;
    return [...CALL, ...deltas];
  });
  const payloads = payloadsOf(sent).filter((payload) => payload !== "[DONE]");
  expect(payloads.map((payload) => payload["sequence_number"])).toEqual(payloads.map((_payload, i) => i));
  expect(foldResponses(sent)).toMatchObject({
    content: "Hi there",
    calls: [
      { id: "call_first", arguments: "{}" },
      { id: "call_b", arguments: '{"a":1}' },
    ],
    faults: [],
    done: 1,
  });
  const places = new Map(
    payloads
      .filter((payload) => payload["item"])
      .map((payload) => [payload["item"].call_id ?? payload["item"].id, payload["output_index"]]),
  );
  expect([...places]).toEqual([
    ["msg_a", 0],
    ["call_first", 1],
    ["call_b", 2],
  ]);
});

test("arguments that only come whole, in `*.done`, are read once", () => {
  const item = { type: "function_call", id: "fc_1", call_id: "call_1", name: "f", arguments: "" };
  number = 0;
  const stream = [
    event("response.output_item.added", { item }),
    event("response.function_call_arguments.done", { item_id: "fc_1", arguments: "{}" }),
    event("response.output_item.done", { item: { ...item, arguments: "{}" } }),
  ];
  expect(readStream(openaiResponses, Buffer.from(stream.join("")))).toEqual([
    { kind: "tool-open", choice: 0, tool: 0, id: "call_1", name: "f" },
    { kind: "tool-args", choice: 0, tool: 0, text: "{}" },
    { kind: "tool-close", choice: 0, tool: 0 },
  ]);
});

test("an incomplete response ends with why, a failed one is an error", () => {
  const incomplete = event("response.incomplete", {
    response: { status: "incomplete", incomplete_details: { reason: "max_output_tokens" }, output: [] },
  });
  expect(readStream(openaiResponses, Buffer.from(incomplete))).toEqual([
    { kind: "finish", choice: 0, reason: "max_output_tokens" },
    { kind: "done" },
  ]);
  const failed = event("response.failed", { response: { status: "failed", error: { code: "server_error", message: "no" } } });
  expect(readStream(openaiResponses, Buffer.from(failed))).toEqual([{ kind: "error", message: "no", type: undefined }]);
});
