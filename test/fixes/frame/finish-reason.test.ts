import { describe, expect, test } from "vitest";
import { foldChat, foldMessages } from "../../support/fold.ts";
import { call, chunk, DONE, event, mended, mendedBody, ROLE } from "./frames.ts";

const CALL = call({ index: 0, id: "a", type: "function", function: { name: "f", arguments: '{"x":1}' } });
const HALF = call({ index: 0, id: "a", type: "function", function: { name: "f", arguments: '{"x":"un' } });
const TEXT = chunk({ content: "Done" });

describe("chat", () => {
  test("stop beside calls is tool_calls", () => {
    const { sent, notes } = mended([ROLE, CALL, chunk({}, "stop"), DONE]);
    expect(foldChat(sent).finish).toBe("tool_calls");
    expect(notes).toMatchObject([{ fix: "finish_reason", rule: "contradicts", before: "stop", after: "tool_calls" }]);
  });

  test("tool_calls without a call is stop", () => {
    expect(foldChat(mended([ROLE, TEXT, chunk({}, "tool_calls"), DONE]).sent).finish).toBe("stop");
  });

  test("a finish in the chunk of the last text", () => {
    const folded = foldChat(mended([ROLE, chunk({ content: "Done" }, "tool_calls"), DONE]).sent);
    expect([folded.content, folded.finish]).toEqual(["Done", "stop"]);
  });

  test("a finish that never came, before the end mark", () => {
    expect(foldChat(mended([ROLE, CALL, DONE]).sent)).toMatchObject({ finish: "tool_calls", done: 1, faults: [] });
    expect(foldChat(mended([ROLE, TEXT, DONE]).sent)).toMatchObject({ finish: "stop", done: 1 });
  });

  test("a cut stream keeps its missing finish", () => {
    expect(mended([ROLE, TEXT]).untouched).toBe(true);
    expect(mended([ROLE, CALL]).untouched).toBe(true);
  });

  test("a half call is never said to be one", () => {
    const stopped = mended([ROLE, HALF, chunk({}, "stop"), DONE]);
    expect(stopped.untouched).toBe(true);
    expect(stopped.notes).toMatchObject([{ fix: "finish_reason", action: "refused" }]);
    expect(mended([ROLE, HALF, DONE]).untouched).toBe(true);
  });

  test.each(["length", "content_filter", "tool_calls"])("%s beside calls stays", (reason) => {
    expect(mended([ROLE, CALL, chunk({}, reason), DONE]).untouched).toBe(true);
  });

  test("an error is not given a finish", () => {
    expect(mended([ROLE, TEXT, 'data: {"error":{"code":500,"message":"x","type":"server_error"}}\n\n', DONE]).untouched).toBe(true);
  });

  test("each choice has its own", () => {
    const other = (delta: object, finish: string | null) =>
      `data: ${JSON.stringify({ id: "c-1", choices: [{ index: 1, delta, finish_reason: finish }] })}\n\n`;
    const { sent } = mended([ROLE, other({ role: "assistant", content: "x" }, null), CALL, chunk({}, "stop"), other({}, "stop"), DONE]);
    expect(foldChat(sent, 0).finish).toBe("tool_calls");
    expect(foldChat(sent, 1).finish).toBe("stop");
  });

  test("whole messages, either way and missing", () => {
    const tool_calls = [{ id: "a", type: "function", function: { name: "f", arguments: "{}" } }];
    const finish = (message: object, finish_reason: string | null) =>
      mendedBody({ choices: [{ index: 0, finish_reason, message: { role: "assistant", content: "x", ...message } }] }).body.choices[0]
        .finish_reason;
    expect(finish({ tool_calls }, "stop")).toBe("tool_calls");
    expect(finish({}, "tool_calls")).toBe("stop");
    expect(finish({ tool_calls }, null)).toBe("tool_calls");
    expect(finish({ tool_calls }, "length")).toBe("length");
  });
});

describe("messages", () => {
  const usage = { input_tokens: 1, output_tokens: 1 };
  const ended = (reason: string) => [
    event("message_delta", { delta: { stop_reason: reason, stop_sequence: null }, usage }),
    event("message_stop"),
  ];
  const block = [
    event("content_block_start", { index: 0, content_block: { type: "tool_use", id: "a", name: "f" } }),
    event("content_block_delta", { index: 0, delta: { type: "input_json_delta", partial_json: "{}" } }),
    event("content_block_stop", { index: 0 }),
  ];

  test("streamed, either way", () => {
    expect(foldMessages(mended([...block, ...ended("end_turn")], "messages").sent)).toMatchObject({ finish: "tool_use", faults: [] });
    expect(foldMessages(mended(ended("tool_use"), "messages").sent).finish).toBe("end_turn");
    expect(mended([...block, ...ended("max_tokens")], "messages").untouched).toBe(true);
  });

  test("a message_stop without a message_delta gets one", () => {
    expect(foldMessages(mended([...block, event("message_stop")], "messages").sent)).toMatchObject({
      finish: "tool_use",
      done: 1,
      faults: [],
    });
  });

  test("whole", () => {
    const message = { type: "message", role: "assistant", content: [], stop_reason: "tool_use", stop_sequence: null, usage };
    expect(mendedBody(message, "messages").body.stop_reason).toBe("end_turn");
  });
});
