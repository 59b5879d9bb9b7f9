import { describe, expect, test } from "vitest";
import { exchangesOf, recordingNames, requestBody, sharedRecordings, requestPath } from "../../support/recordings.ts";
import { dialectFor } from "../../../src/dialects/index.ts";
import { planFixes } from "../../../src/fixes/index.ts";
import { fixRequest } from "../../../src/fixes/request.ts";
import { REQUEST_FIXES } from "../../../src/fixes/request/index.ts";
import { parseOrUndefined } from "../../../src/wire/json.ts";
import { forwarded } from "./requests.ts";

const TOOLS = [
  {
    type: "function",
    function: {
      name: "edit",
      parameters: { type: "object", properties: { path: { type: "string" }, text: { type: "string" } }, required: ["path", "text"] },
    },
  },
];
const call = (args: string) => ({ id: "c1", type: "function", function: { name: "edit", arguments: args } });
const history = (...args: string[]) => ({
  messages: [
    { role: "user", content: "Hello" },
    { role: "assistant", content: null, tool_calls: args.map(call) },
    { role: "tool", tool_call_id: "c1", content: "error: invalid JSON" },
  ],
  tools: TOOLS,
});
const argumentsIn = (body: any): unknown[] => body.messages[1].tool_calls.map((made: any) => JSON.parse(made.function.arguments));

describe("chat", () => {
  test("what can be mended is mended", () => {
    const { body, notes } = forwarded(history('{"path": "/w/a", "text": "He said "hello" and left"}', '{"path":"/w/a","text":"x",}'));
    expect(argumentsIn(body)).toEqual([
      { path: "/w/a", text: 'He said "hello" and left' },
      { path: "/w/a", text: "x" },
    ]);
    expect(notes).toMatchObject([
      {
        fix: "poisoned_history",
        action: "fixed",
        target: "request",
        rule: "mended",
        toolName: "edit",
        pointer: "/messages/1/tool_calls/0/function/arguments",
      },
      { rule: "mended" },
    ]);
  });

  test.each(["", '{"path": "/w/a", "text": "cut he', '{"path":', "not json at all", '{"path": "/w/a", "text"'])(
    "%j becomes {}: nothing is invented",
    (args) => {
      const { body, notes } = forwarded(history(args));
      expect(argumentsIn(body)).toEqual([{}]);
      expect(notes).toMatchObject([{ rule: "emptied" }]);
    },
  );

  test("half a surrogate pair, which llama-server's parser refuses", () => {
    const { body } = forwarded(history(String.raw`{"path":"\ud83d","text":"\ud83d\ude80 \ud83d\ud83d\ude80 \\ud83d"}`));
    expect(argumentsIn(body)).toEqual([{ path: "\uFFFD", text: String.raw`🚀 ${"\uFFFD"}🚀 \ud83d` }]);
  });

  test("every other byte stays, spelling and spacing included", () => {
    const before =
      String.raw`{ "messages" : [ {"role":"user","content":"\u003cb\u003e \/"},` +
      "\n" +
      String.raw` {"role":"assistant","tool_calls":[{"id":"a","function":{"name":"edit","arguments": "{\"path\":" } }, {"function":{"name":"edit","arguments":"{ \"path\" : \"\u00e9\" }"}}]} ], "n": 1.0, "big":12345678901234567890 }`;
    expect(forwarded(before).text).toBe(before.replace(String.raw`"{\"path\":"`, '"{}"'));
  });

  test("the same history gives the same bytes", () => {
    const body = history('{"path": "/w/a", "text": "cut he', '{"path": "/w/a"');
    expect(forwarded(body).text).toBe(forwarded(body).text);
  });

  test.each(['{"path":"/a","text":"b"}', "{}", '{"path":1}', '{"a":1,"a":2}', "null", '"text"', "[1]", '{"text":"\\\\ud83d"}'])(
    "%s parses and stays",
    (args) => {
      expect(forwarded(history(args)).untouched).toBe(true);
    },
  );

  test("users and results are not looked at", () => {
    expect(forwarded({ messages: [{ role: "user", content: "{", tool_calls: [call("{")] }] }).untouched).toBe(true);
  });
});

test("responses: function_call items", () => {
  const body = {
    input: [
      { type: "function_call", call_id: "c", name: "edit", arguments: '{"path":"/a","te' },
      { type: "function_call_output", output: "{" },
    ],
  };
  expect(forwarded(body, "responses").body.input[0].arguments).toBe("{}");
});

test("messages: an input that is text becomes the object", () => {
  const body = (input: unknown) => ({ messages: [{ role: "assistant", content: [{ type: "tool_use", id: "a", name: "edit", input }] }] });
  expect(forwarded(body('{"path":"/a","n":1.0}'), "messages").text).toContain('"input":{"path":"/a","n":1.0}');
  expect(forwarded(body('{"path":"/a'), "messages").body.messages[0].content[0].input).toEqual({});
  expect(forwarded(body({ path: "/a" }), "messages").untouched).toBe(true);
});

test("the recorded request that llama-server answers with 500", () => {
  const [exchange] = exchangesOf("tool-history-bad-arguments");
  if (!exchange) throw new Error("no recording");
  const { body } = forwarded(requestBody(exchange).toString());
  expect(argumentsIn(body)).toEqual([{}]);
});

test("every other recorded request is forwarded byte for byte", () => {
  for (const name of new Set([...recordingNames(), ...sharedRecordings()])) {
    if (name.startsWith("tool-history-bad-arguments")) continue;
    for (const exchange of exchangesOf(name)) {
      const dialect = dialectFor(exchange.request.method, requestPath(exchange));
      const bytes = requestBody(exchange);
      const parsed = parseOrUndefined(bytes.toString());
      if (!dialect || parsed === undefined) continue;
      const { forward, notes } = fixRequest(planFixes({ enabled: true, modules: {} }, REQUEST_FIXES), dialect, bytes, parsed);
      expect([name, notes, forward === bytes]).toEqual([name, [], true]);
    }
  }
});
