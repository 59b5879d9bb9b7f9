import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { Delta } from "../../../src/core/delta.ts";
import { openaiChat } from "../../../src/dialects/openai-chat.ts";
import { createContentStage } from "../../../src/fixes/content/stage.ts";
import { CONTENT_FIXES } from "../../../src/fixes/content/index.ts";
import { defineContentFix } from "../../../src/fixes/fix.ts";
import { fixDocument } from "../../../src/fixes/document.ts";
import { planFixes } from "../../../src/fixes/index.ts";
import { createNotes } from "../../../src/fixes/lane.ts";
import { createStreamPipeline } from "../../../src/fixes/pipeline.ts";
import { characters, deltasOf, play, playCase, viewOf, whole } from "./play.ts";

const CALL = '<tool_call>{"name": "bash", "arguments": {"command": "ls"}}</tool_call>';
const view = viewOf({});
const text = (said: string, choice = 0): Delta => ({ kind: "text", choice, text: said });
const finish = (reason = "stop", choice = 0): Delta => ({ kind: "finish", choice, reason });

describe("calls that are made", () => {
  test("have an id in llama-server's form, the same every time, another for another reply", () => {
    const first = playCase({ text: CALL + CALL.replace("ls", "pwd") }, whole);
    const ids = first.calls.map((call) => call.id);
    expect(ids.every((id) => /^[0-9A-Za-z]{32}$/u.test(id))).toBe(true);
    expect(new Set(ids).size).toBe(2);
    expect(playCase({ text: CALL + CALL.replace("ls", "pwd") }, characters).calls.map((call) => call.id)).toEqual(ids);
    const other = play([{ kind: "meta", id: "chatcmpl-2" }, text(CALL), finish()], view);
    expect(ids).not.toContain(other.calls[0]?.id);
  });

  test("push a native call behind them to the next number", () => {
    const got = play(
      [
        text(CALL),
        { kind: "tool-open", choice: 0, tool: 0, id: "n", name: "read" },
        { kind: "tool-args", choice: 0, tool: 0, text: '{"filePath":"a"}' },
        { kind: "tool-close", choice: 0, tool: 0 },
        finish("tool_calls"),
      ],
      view,
    );
    expect(got.calls.map((call) => call.name)).toEqual(["bash", "read"]);
    expect(got.calls[1]).toEqual({ id: "n", name: "read", arguments: '{"filePath":"a"}' });
  });

  test("take numbers above a native call in front of them", () => {
    const native: Delta = { kind: "tool-open", choice: 0, tool: 3, id: "n", name: "read" };
    const got = play([native, text(CALL), finish("stop")], view);
    expect(got.out).toContain(native);
    expect(got.out.flatMap((delta) => (delta.kind === "tool-open" ? [delta.tool] : []))).toEqual([3, 4]);
  });

  test("change the finish reason in the API's own words, and only a reason that says nothing of calls", () => {
    expect(play([text(CALL), finish("stop")], view).finish).toBe("tool_calls");
    expect(play([text(CALL), finish("end_turn")], view).finish).toBe("tool_use");
    expect(play([text(CALL), finish("tool_calls")], view).finish).toBe("tool_calls");
    expect(play([text("no call"), finish("stop")], view).finish).toBe("stop");
  });

  test("are made at a clean end without a finish, not at the end of a broken stream", () => {
    expect(play([text(CALL), { kind: "done" }], view).calls).toHaveLength(1);
    const broken = play([text(CALL)], view);
    expect(broken.calls).toEqual([]);
    expect(broken.text).toBe(CALL);
    expect(broken.notes.map((note) => note.action)).toEqual(["refused"]);
    const failed = play([text(CALL), { kind: "error", message: "x", type: undefined }], view);
    expect(failed.out.map((delta) => delta.kind)).toEqual(["text", "error"]);
  });

  test("are made per choice", () => {
    const got = play([text("a", 0), text(CALL, 1), text("b", 0), finish("stop", 1), finish("stop", 0)], view);
    expect(got.text).toBe("ab");
    expect(got.calls).toEqual([]);
    expect(got.out.flatMap((delta) => (delta.kind === "finish" ? [[delta.choice, delta.reason]] : []))).toEqual([
      [1, "tool_calls"],
      [0, "stop"],
    ]);
  });

  test("are noted with rule, tool, snippets and what was held", () => {
    const [note] = playCase({ text: `Look.\n${CALL}` }, whole).notes;
    expect(note).toMatchObject({
      fix: "content_hermes_json",
      action: "fixed",
      rule: "call",
      target: "content",
      choice: 0,
      tool: 0,
      toolName: "bash",
    });
    expect(note?.before).toContain("<tool_call>");
    expect(note?.after).toBe('bash {"command": "ls"}');
    expect(note?.bytesHeldMax).toBe(CALL.length);
  });
});

describe("text", () => {
  test("behind a quoted call goes on while the message lasts", () => {
    const notes = createNotes();
    const stage = createContentStage(planFixes({ enabled: true, modules: {} }, CONTENT_FIXES), view, notes.by);
    const out: Delta[] = [];
    for (const said of [`It writes ${CALL}`, " and", " so on."]) stage?.onDelta(text(said), (one) => void out.push(one));
    expect(stage?.held).toBe(0);
    expect(out.map((delta) => (delta.kind === "text" ? delta.text : "")).join("")).toBe(`It writes ${CALL} and so on.`);
  });

  test("in front of a mark goes out at once, of the mark at most its own length is held", () => {
    const notes = createNotes();
    const stage = createContentStage(planFixes({ enabled: true, modules: {} }, CONTENT_FIXES), view, notes.by);
    let out = "";
    let most = 0;
    for (const char of "Some text with a < b, <to, <tool_box>, [TOOL, functionality, `code` and <|im_star here.") {
      stage?.onDelta(text(char), (delta) => void (out += delta.kind === "text" ? delta.text : ""));
      most = Math.max(most, stage?.held ?? 0);
    }
    expect(stage?.held).toBe(0);
    expect(out).toBe("Some text with a < b, <to, <tool_box>, [TOOL, functionality, `code` and <|im_star here.");
    expect(most).toBeLessThanOrEqual(32);
  });

  test("of a clean reply is the very deltas that came", () => {
    const deltas = deltasOf({ text: "Hello, this is a reply.\nIt says nothing special.", reasoning: "Think." }, (said) =>
      said.split(/(?<= )/u),
    );
    expect(play(deltas, view).out).toEqual(deltas);
    expect(play(deltas, view).out.every((delta, i) => delta === deltas[i])).toBe(true);
  });

  test("above the bound is released, noted, and not looked at again", () => {
    const big = `<tool_call>\n<function=write>\n<parameter=path>\na\n</parameter>\n<parameter=content>\n${"x".repeat(1024 * 1024)}`;
    const got = play([text(big), text(`\n${CALL}`), finish()], view);
    expect(got.calls).toEqual([]);
    expect(got.text).toBe(`${big}\n${CALL}`);
    expect(got.notes.map((note) => note.action)).toEqual(["skipped"]);
  });
});

describe("a rule that throws", () => {
  const broken = defineContentFix({
    name: "broken",
    summary: "throws",
    defaultMode: "fix",
    holds: "a markup block",
    example: { before: "", after: "" },
    source: "own",
    options: z.strictObject({}),
    rule: () => ({
      kind: "call",
      markers: ["<tool_call>"],
      openings: [],
      needsTools: true,
      stable: false,
      head: () => "yes",
      read: () => {
        throw new Error("no");
      },
    }),
  });

  test("is cut out; the others read the block, or it goes out as it is", () => {
    for (const [fixes, kinds] of [
      [
        [broken, ...CONTENT_FIXES],
        ["tool-open", "tool-args", "tool-close", "finish"],
      ],
      [[broken], ["text", "finish"]],
    ] as const) {
      const notes = createNotes();
      const stage = createContentStage(planFixes({ enabled: true, modules: {} }, fixes), view, notes.by);
      const out: Delta[] = [];
      for (const delta of [text(CALL), finish()]) stage?.onDelta(delta, (one) => void out.push(one));
      expect(out.map((delta) => delta.kind)).toEqual(kinds);
      expect(notes.list[0]).toMatchObject({ fix: "broken", action: "skipped" });
    }
  });
});

describe("think blocks", () => {
  test("of a reply that comes whole end at a closing tag without an opening one", () => {
    const one = { ...view, stream: false };
    const got = play([text('Internal.\n</think>{"a": 1}'), finish()], one);
    expect([got.reasoning, got.text]).toEqual(["Internal.\n", '{"a": 1}']);
    for (const said of ["The tag </think> ends it.", "Write `</think>` there.", 'He said "</think>" twice.']) {
      expect(play([text(said), finish()], one).out[0]).toEqual(text(said));
    }
  });

  test("that a template opens itself are known by the model's name", () => {
    const fixes = CONTENT_FIXES.filter((fix) => fix.name === "content_think_leak");
    const plan = planFixes({ enabled: true, modules: { content_think_leak: { prefilled_models: ["QwQ"] } } }, fixes);
    const stage = createContentStage(plan, { ...view, model: "qwq-32b" }, createNotes().by);
    const out: Delta[] = [];
    for (const delta of [text("plan"), text(" on</thi"), text("nk>\n\nHi"), finish()]) stage?.onDelta(delta, (one) => void out.push(one));
    expect(out.map((delta) => ("text" in delta ? `${delta.kind}:${delta.text}` : delta.kind))).toEqual([
      "reasoning:plan",
      "reasoning: on",
      "text:Hi",
      "finish",
    ]);
  });

  test("that the server parsed itself may leave their closing tag in the content", () => {
    const got = play([{ kind: "reasoning", choice: 0, text: "plan" }, text("</thi"), text("nk>\n\nHi"), finish()], view);
    expect([got.reasoning, got.text]).toEqual(["plan", "Hi"]);
  });

  test("that the server parsed itself leave a copy in the content alone", () => {
    const got = play([{ kind: "reasoning", choice: 0, text: "plan" }, text("<think>plan</think>Hi"), finish()], view);
    expect([got.reasoning, got.text]).toEqual(["plan", "<think>plan</think>Hi"]);
  });
});

describe("through the pipeline", () => {
  const request = (stream: boolean): unknown => ({
    model: "m",
    stream,
    tools: [
      {
        type: "function",
        function: { name: "bash", parameters: { type: "object", properties: { command: { type: "string" } }, required: ["command"] } },
      },
    ],
  });
  const plan = planFixes({ enabled: true, modules: {} }, CONTENT_FIXES);

  test("a whole body becomes a tool call, and a clean one stays its own bytes", () => {
    const body = (content: string): Uint8Array =>
      new TextEncoder().encode(
        JSON.stringify({ id: "c", choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content } }] }),
      );
    const fixed = fixDocument(plan, openaiChat, openaiChat.readRequest(request(false)), body(`Look.\n${CALL}`));
    const [choice] = JSON.parse(new TextDecoder().decode(fixed.sent)).choices;
    expect(choice.finish_reason).toBe("tool_calls");
    expect(choice.message.tool_calls[0].function).toEqual({ name: "bash", arguments: '{"command": "ls"}' });
    for (const content of ["Hello", `Use \`${CALL}\`.`, `${CALL.replace("bash", "rm")} `]) {
      const clean = body(content);
      expect(fixDocument(plan, openaiChat, openaiChat.readRequest(request(false)), clean).sent).toBe(clean);
    }
  });

  test("an observed fix reports and changes not a byte", () => {
    const observing = planFixes(
      { enabled: true, modules: Object.fromEntries(CONTENT_FIXES.map((fix) => [fix.name, { mode: "observe" }])) },
      CONTENT_FIXES,
    );
    const pipeline = createStreamPipeline(observing, openaiChat, openaiChat.readRequest(request(true)));
    const frame = (delta: unknown, reason: string | null): Uint8Array =>
      new TextEncoder().encode(`data: ${JSON.stringify({ id: "c", choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`);
    const came = [frame({ content: CALL }, null), frame({}, "stop")];
    const sent = came.flatMap((bytes) => pipeline.push(bytes).flatMap((step) => step.sent));
    pipeline.end();
    expect(Buffer.concat(sent)).toEqual(Buffer.concat(came));
    expect(pipeline.notes()).toMatchObject([{ fix: "content_hermes_json", action: "skipped" }]);
  });
});

test("a name behind a Mistral call may begin the next one: nothing is decided before the end is seen", () => {
  const call = 'Sure.[TOOL_CALLS]read[ARGS]{"filePath": "a.ts"}';
  for (const behind of ['read[ARGS]{"filePath": "b.ts"}', "bash{command:<|DSML|tool_calls>\n", " is how."]) {
    const [one, other] = [whole, characters].map((cut) => playCase({ text: call + behind }, cut));
    expect(other?.calls).toEqual(one?.calls);
    expect(other?.text).toBe(one?.text);
  }
});

test("text that might begin a mark does not come out behind reasoning that came after it", () => {
  const deltas: Delta[] = [text("x <to"), { kind: "reasoning", choice: 0, text: "hm" }, text(" y"), finish()];
  const said: string[] = [];
  const notes = createNotes();
  const plan = planFixes({ enabled: true, modules: {} }).filter((entry) => entry.fix.kind === "content");
  const stage = createContentStage(plan, view, notes.by);
  for (const delta of deltas) stage?.onDelta(delta, (out) => void ("text" in out && said.push(`${out.kind}:${out.text}`)));
  expect(said.join(" ")).toBe("text:x  text:<to reasoning:hm text: y");
  expect(notes.list).toEqual([]);
});
