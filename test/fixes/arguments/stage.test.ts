import { expect, test } from "vitest";
import { z } from "zod";
import type { Delta, Tool } from "../../../src/core/delta.ts";
import { anthropicMessages } from "../../../src/dialects/anthropic-messages.ts";
import { openaiChat } from "../../../src/dialects/openai-chat.ts";
import { createArgumentStage } from "../../../src/fixes/arguments/stage.ts";
import { defineArgumentFix, type PlannedFix } from "../../../src/fixes/fix.ts";
import { createStreamPipeline } from "../../../src/fixes/pipeline.ts";
import { parseOrUndefined } from "../../../src/wire/json.ts";
import { exchangesOf, recordingNames, requestBody, requestPath, responseBody, sharedRecordings } from "../../support/recordings.ts";
import { bash, editFile, mended, pieces, planOf, sendStream, writeFile } from "./support.ts";

const tools = [writeFile, editFile, bash];

function send(name: string, texts: readonly string[], finish = "tool_calls", extra: Record<string, unknown> = {}, off?: string) {
  const chunks = texts.map((text) => ({ index: 0, text }));
  return sendStream(tools, [name], chunks, finish, planOf(off === undefined ? {} : { off }), extra);
}

const NAMES: readonly (readonly [given: string, want: string, fix: string])[] = [
  ["Bash", "bash", "toolcall_name_case"],
  ["WRITE", "write", "toolcall_name_case"],
  ["_edit", "edit", "toolcall_name_case"],
  ["functions.bash", "bash", "toolcall_name_prefix"],
  ["functions.bash:0", "bash", "toolcall_name_prefix"],
  ["default_api:edit", "edit", "toolcall_name_prefix"],
  ["write.filePath", "write", "toolcall_name_prefix"],
  ["bash<|channel|>commentary", "bash", "toolcall_name_token_suffix"],
  ["edit</arg_value>", "edit", "toolcall_name_token_suffix"],
  ["bash[ARGS]", "bash", "toolcall_name_token_suffix"],
  ["functions.Bash<|constrain|>json", "bash", "toolcall_name_token_suffix"],
  ["bashbashbash", "bash", "toolcall_name_doubled"],
  ["editedit", "edit", "toolcall_name_doubled"],
];

test.each(NAMES)("the tool %s is %s, with %s", (given, want, fix) => {
  expect(send(given, ["{}"]).calls[0]?.name).toBe(want);
  expect(send(given, ["{}"], "tool_calls", {}, fix).calls[0]?.name).not.toBe(want);
});

test("a name that no offered tool has, and an offered one, stay", () => {
  for (const name of ["ShellTool.run", "writer", "bas", "bash"]) expect(send(name, ['{"command":"ls"}']).calls[0]?.name).toBe(name);
});

test("resent arguments are cut down to what is new", () => {
  const full = '{"command":"ls /home"}';
  const resends: readonly (readonly string[])[] = [
    [full, full, full],
    ['{"comm', '{"command":"ls', full],
    ['{"command":', full, full],
    ["{", '{"command":"', full],
  ];
  for (const texts of resends) expect(send("bash", texts).calls).toEqual([{ name: "bash", arguments: full }]);
  expect(send("bash", [full, full], "tool_calls", {}, "toolcall_cumulative").calls[0]?.arguments).toBe(full); // the same object twice
  expect(send("bash", ['{"comm', '{"command":"ls"}'], "tool_calls", {}, "toolcall_cumulative").calls[0]?.arguments).not.toBe(
    '{"command":"ls"}',
  );
});

test("repeated calls are dropped only when the request forbids parallel ones", () => {
  const twice = [0, 1, 2].map((index) => ({ index, text: index === 2 ? '{"command":"pwd"}' : '{"command":"ls"}' }));
  const names = ["bash", "bash", "bash"];
  expect(sendStream(tools, names, twice, "tool_calls").calls).toHaveLength(3);
  const single = sendStream(tools, names, twice, "tool_calls", planOf(), { parallel_tool_calls: false });
  expect(single.calls.map((call) => call.arguments)).toEqual(['{"command":"ls"}', '{"command":"pwd"}']);
});

test("concatenated objects become calls of their own, with their own ids and numbers", () => {
  const { sent, calls } = sendStream(
    tools,
    ["bash", "bash"],
    [
      { index: 0, text: '{"command":"a"}{"command":"b"}' },
      { index: 1, text: '{"command":"c"}' },
    ],
    "tool_calls",
  );
  expect(calls.map((call) => call.arguments).toSorted()).toEqual(['{"command":"a"}', '{"command":"b"}', '{"command":"c"}']);
  const ids = [...sent.matchAll(/"id":"(call[^"]*)"/g)].map((match) => match[1]);
  expect(new Set(ids).size).toBe(3);
});

test("a clean stream is the same bytes at every cut, and llama-server's own cuts hold nothing", () => {
  const text = '{"content":"a\\n\\"b\\" C:\\\\x {\\"k\\": [1]}","filePath":"/w/a.txt"}';
  for (const cut of pieces(text)) {
    const { raw, sent } = send("write", cut);
    expect(sent).toBe(raw);
  }
  const server = ["{", '"content":"', "a", "\\n", '\\"', "b", '"', ',"filePath":"', "/w", '"', "}"];
  expect(send("write", server)).toMatchObject({ framesHeld: 0 });
});

test("a cut reply passes as it came, with a note", () => {
  const text = '{"command":"ls","description":"cut he';
  for (const finish of ["length", "tool_calls"]) expect(send("bash", [text], finish).calls[0]?.arguments).toBe(text);
  expect(mended(text, bash, "length")).toMatchObject({ text: [text], refused: true });
  expect(mended('{"command":"ls",}', bash, "length").text).toEqual(['{"command":"ls",}']);
});

test("the Messages dialect runs through the same rules", () => {
  const event = (type: string, body: Record<string, unknown>) => `event: ${type}\ndata: ${JSON.stringify({ type, ...body })}\n\n`;
  const reply = (parts: readonly string[]) =>
    [
      event("message_start", {
        message: {
          id: "m",
          type: "message",
          role: "assistant",
          model: "m",
          content: [],
          stop_reason: null,
          usage: { input_tokens: 1, output_tokens: 0 },
        },
      }),
      event("content_block_start", { index: 0, content_block: { type: "tool_use", id: "t", name: "write", input: {} } }),
      ...parts.map((part) => event("content_block_delta", { index: 0, delta: { type: "input_json_delta", partial_json: part } })),
      event("content_block_stop", { index: 0 }),
      event("message_delta", { delta: { stop_reason: "tool_use", stop_sequence: null }, usage: { output_tokens: 9 } }),
      event("message_stop", {}),
    ].join("");
  const request = anthropicMessages.readRequest({ stream: true, tools: [{ name: "write", input_schema: writeFile.parameters }] });
  const through = (text: string) => {
    const pipeline = createStreamPipeline(planOf(), anthropicMessages, request);
    const steps = [...pipeline.push(new TextEncoder().encode(text)), ...pipeline.end()];
    return steps.flatMap((step) => step.sent.map((bytes) => new TextDecoder().decode(bytes))).join("");
  };
  const json = (sent: string) =>
    [...sent.matchAll(/"partial_json":("(?:[^"\\]|\\.)*")/g)].map((match) => JSON.parse(match[1] ?? '""') as string).join("");
  const bad = '{"content":"x","filePath":"/a","filePath"/b"}';
  for (const cut of pieces(bad)) expect(json(through(reply(cut)))).toBe('{"content":"x","filePath":"/a"}');
  const open = '{"content":"x","filePath":"/a"';
  for (const cut of pieces(open)) expect(json(through(reply(cut)))).toBe(`${open}}`);
  const good = '{"content":"x","filePath":"/a"}';
  for (const cut of [...pieces(good), []]) expect(through(reply(cut))).toBe(reply(cut));
});

test("a rule that throws is cut out, and the others go on", () => {
  const broken = defineArgumentFix({
    name: "broken",
    summary: "throws",
    defaultMode: "fix",
    holds: "nothing",
    example: { before: "", after: "" },
    source: "",
    options: z.strictObject({}),
    rule: () => ({
      key: () => {
        throw new Error("no");
      },
    }),
  });
  const plan: readonly PlannedFix[] = [{ fix: broken, mode: "fix", options: {} }, ...planOf()];
  const notes: string[] = [];
  const stage = createArgumentStage(
    plan,
    { ...openaiChat.readRequest({ stream: true }), tools: [bash] satisfies Tool[] },
    (fix) => (note) => void notes.push(`${note.action} ${fix}`),
  );
  const out: Delta[] = [];
  for (const delta of [
    { kind: "tool-open", choice: 0, tool: 0, id: "c", name: "bash" },
    { kind: "tool-args", choice: 0, tool: 0, text: '{"command":"ls","command"ls"}' },
    { kind: "tool-close", choice: 0, tool: 0 },
    { kind: "finish", choice: 0, reason: "tool_calls" },
  ] as const) {
    stage?.onDelta(delta, (emitted) => out.push(emitted));
  }
  expect(out.flatMap((delta) => (delta.kind === "tool-args" ? [delta.text] : [])).join("")).toBe('{"command":"ls"}');
  expect(notes).toEqual(["skipped broken", "fixed toolcall_bad_filepath"]);
});

const names = [...new Set([...recordingNames(), ...sharedRecordings()])].filter((name) => /stream/.test(name));

test.each(names)("the recorded stream %s comes out as it is unless a key is doubled, and holds nothing", (name) => {
  for (const exchange of exchangesOf(name)) {
    const dialect = [openaiChat, anthropicMessages].find(({ routes }) => routes.includes(requestPath(exchange)));
    const view = dialect?.readRequest(parseOrUndefined(requestBody(exchange).toString()));
    if (!dialect || !view) continue;
    const body = responseBody(exchange);
    const pipeline = createStreamPipeline(planOf(), dialect, view);
    const sent = Buffer.concat([...pipeline.push(body), ...pipeline.end()].flatMap((step) => step.sent));
    const changed = pipeline.notes().some((note) => note.action === "fixed");
    // Model tokens passed on as they come: a key waits for its colon. An unfinished call waits for its reason.
    const waits = changed || /hermes|length-cut/.test(name);
    expect({ changed, same: sent.equals(body), held: waits ? 0 : pipeline.framesHeld() }).toEqual({
      changed: changed && name.includes("duplicate"),
      same: !changed,
      held: 0,
    });
  }
});
