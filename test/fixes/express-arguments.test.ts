import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Dialect } from "../../src/dialects/dialect.ts";
import { dialectFor } from "../../src/dialects/index.ts";
import { planFixes } from "../../src/fixes/index.ts";
import { both, eventCuts, type Stream } from "./express-support.ts";

const DEFAULT = planFixes({ enabled: true, modules: {} });
/** With the rules that look at every `<` in a string. */
const MARKS = planFixes({
  enabled: true,
  modules: { toolcall_special_token: { enabled: true }, toolcall_swallowed_parameters: { enabled: true } },
});

const text = { type: "string" };
const schema = {
  type: "object",
  properties: { path: text, text, mode: { enum: ["a", "w"] }, lines: { type: "integer" }, items: { type: "array", items: text } },
  required: ["path"],
};

type Api = "chat" | "messages" | "responses";
const APIS: readonly Api[] = ["chat", "messages", "responses"];

/** What is said behind one another: arguments of the call that is open, or text, which is nobody's. */
interface Said {
  readonly args?: string;
  readonly text?: string;
}

const event = (type: string, body: object): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...body })}\n\n`;

const PATHS = { chat: "/v1/chat/completions", messages: "/v1/messages", responses: "/v1/responses" } as const;
const TOOLS = {
  chat: [{ type: "function", function: { name: "write", parameters: schema } }],
  messages: [{ name: "write", input_schema: schema }],
  responses: [{ type: "function", name: "write", parameters: schema }],
} as const;

/** One frame for each thing said, as llama-server writes them; every list of `calls` is a call of its own. */
const FRAMES: Readonly<Record<Api, (calls: readonly (readonly Said[])[], finish: boolean) => string[]>> = {
  chat(calls, finish) {
    const chunk = (delta: object, reason: string | null = null) =>
      `data: ${JSON.stringify({ choices: [{ finish_reason: reason, index: 0, delta }], id: "c-1", model: "m", object: "chat.completion.chunk" })}\n\n`;
    const call = (index: number, args: string, opening: object = {}) =>
      chunk({ tool_calls: [{ index, ...opening, function: { arguments: args } }] });
    return [
      chunk({ role: "assistant", content: null }),
      ...calls.flatMap((said, i) => [
        chunk({ tool_calls: [{ index: i, id: `id-${i}`, type: "function", function: { name: "write", arguments: "" } }] }),
        ...said.map((one) => (one.args === undefined ? chunk({ content: one.text }) : call(i, one.args))),
      ]),
      ...(finish ? [chunk({}, "tool_calls"), "data: [DONE]\n\n"] : []),
    ];
  },
  messages(calls, finish) {
    const delta = (index: number, body: object) => event("content_block_delta", { index, delta: body });
    return [
      event("message_start", {
        message: { id: "m-1", model: "m", role: "assistant", content: [], usage: { input_tokens: 1, output_tokens: 0 } },
      }),
      event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
      ...calls.flatMap((said, i) => [
        event("content_block_start", { index: i + 1, content_block: { type: "tool_use", id: `id-${i}`, name: "write", input: {} } }),
        ...said.map((one) =>
          one.args === undefined
            ? delta(0, { type: "text_delta", text: one.text })
            : delta(i + 1, { type: "input_json_delta", partial_json: one.args }),
        ),
      ]),
      ...[{}, ...calls].map((_, index) => event("content_block_stop", { index })),
      ...(finish
        ? [
            event("message_delta", { delta: { stop_reason: "tool_use", stop_sequence: null }, usage: { output_tokens: 9 } }),
            event("message_stop", {}),
          ]
        : []),
    ];
  },
  responses(calls, finish) {
    const item = (i: number, args: string) => ({
      id: `fc_${i}`,
      type: "function_call",
      call_id: `call_${i}`,
      name: "write",
      arguments: args,
    });
    const output = calls.map((said, i) => item(i, said.map(({ args = "" }) => args).join("")));
    return [
      event("response.created", { response: { id: "r-1", object: "response", status: "in_progress" } }),
      event("response.output_item.added", { item: { id: "msg_1", type: "message", role: "assistant", content: [] } }),
      ...calls.flatMap((said, i) => [
        event("response.output_item.added", { item: item(i, "") }),
        ...said.map((one) =>
          one.args === undefined
            ? event("response.output_text.delta", { item_id: "msg_1", delta: one.text })
            : event("response.function_call_arguments.delta", { delta: one.args, item_id: `fc_${i}` }),
        ),
      ]),
      ...(finish
        ? [
            ...output.map((done) => event("response.output_item.done", { item: done })),
            event("response.completed", { response: { id: "r-1", object: "response", status: "completed", output } }),
          ]
        : []),
    ];
  },
};

function streamOf(api: Api, calls: readonly (readonly Said[])[], finish = true, more: object = {}): Stream {
  const dialect = dialectFor("POST", PATHS[api]) as Dialect;
  const request = dialect.readRequest({ model: "m", stream: true, messages: [], tools: TOOLS[api], ...more });
  return { name: api, dialect, request, body: Buffer.from(FRAMES[api](calls, finish).join("")) };
}

const args = (...texts: readonly string[]): Said[] => texts.map((one) => ({ args: one }));
const escaped = (one: string): string => JSON.stringify(one).slice(1, -1);
/** Arguments cut as llama-server cuts JSON of its own making. */
const serverCut = (body: readonly Said[]): Said[] => [...args("{", '"path":"', "/tmp/a", '"', ',"text":"'), ...body, ...args('"', "}")];

/** Text a file may hold, close to what the stage looks for. */
const word = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom("word", " word", " = 1;", "x", "\n", "\t", "\n    return ", '"', ' "quoted" ', "\\", "\\n", "C:", "/"),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom("<", "</", "</text>", "<parameter name=", "<|im_end|>", "<|", "{", "}", "[", ",", ":", "'", "é", "日", "🚀"),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom("\uFFFD", "\u0001", "\u007f", "\u2028", "\ud83d", "\ude80", "\b", "null", "{}", "b", "u0041", "u", "n"),
  },
  { weight: 2, arbitrary: fc.string({ maxLength: 6, unit: "grapheme" }) },
);
/** Arguments as they stand in the delta: escapes sound, not sound, and cut. */
const raw = fc.oneof(
  { weight: 3, arbitrary: word.map(escaped) },
  { weight: 1, arbitrary: word },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '"',
      '",',
      '"}',
      '","text":"',
      '"mode":"',
      "\\",
      "\\u",
      "\\u00",
      "\\q",
      "\\'",
      '\\"',
      "\\\\",
      "\\bin",
      "\\/",
      "\\ud83d",
      "}",
      "]",
      "{",
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '{"path":"',
      '{"path":"/tmp/a","text":"',
      ',"text":"',
      ',"items":["',
      '{"items":[{"deep":"',
      "{'path': '",
      "12",
      "true",
      '"{\\"a\\":',
      "</parameter>",
    ),
  },
);
/** Most bodies are plain for long: only then does anything go out unread. */
const run = <T>(one: fc.Arbitrary<T>) => fc.array(one, { maxLength: 25 });
const textBetween = fc.constantFrom(" and", " so", "\n", "<", "I").map((one): Said => ({ text: one }));
const body = (one: fc.Arbitrary<string>) =>
  run(fc.oneof({ weight: 8, arbitrary: one.map((piece): Said => ({ args: piece })) }, { weight: 1, arbitrary: textBetween }));
const plainRun = fc.integer({ min: 0, max: 6 }).map((n) => args(...Array.from({ length: n }, (_, i) => ` w${i}`)));

const call = fc.oneof(
  body(word.map(escaped)).map(serverCut),
  body(raw).map(serverCut),
  fc.tuple(plainRun, body(raw), plainRun, body(raw)).map((parts) => [...args('{"path":"'), ...parts.flat()]),
  fc.tuple(plainRun, body(raw)).map(([plain, rest]) => [...args("{", '"items":', '[{"', 'deep":"'), ...plain, ...rest]),
  body(raw),
);

describe.each(APIS)("arguments over %s", (api) => {
  it.each([
    ["the default fixes", DEFAULT],
    ["rules that look for markup in strings", MARKS],
    ["arguments only observed", MARKS.map((entry) => (entry.fix.kind === "arguments" ? { ...entry, mode: "observe" as const } : entry))],
  ] as const)("are mended the same, read late or not: %s", (_name, plan) => {
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 3 }), fc.boolean(), fc.boolean(), (calls, finish, single) => {
        const stream = streamOf(api, calls, finish, single ? { parallel_tool_calls: false } : {});
        const cuts = eventCuts(stream.body);
        for (const at of [cuts, cuts.filter((_at, i) => i % 4 === 3)]) {
          const { got, wanted } = both(plan, stream, at);
          expect(got).toEqual(wanted);
        }
      }),
      { numRuns: 250 },
    );
  });

  /** A file's body as its tokens come, so many pieces. */
  const file = (tokens: readonly string[], length = 70): Said[] =>
    args(...Array.from({ length }, (_, i) => escaped(tokens[i % tokens.length] ?? "")));

  it("a file's body goes out unread, its line breaks and quotes too", () => {
    const tokens = [" const", " x", " =", ' "quoted"', ";", "\n", "\t", "if (a <", " b) {", "日本", "🚀", "\\d+", "<div>"];
    const { late, got, wanted } = both(DEFAULT, ...whole(streamOf(api, [serverCut(file(tokens))])));
    expect(got).toEqual(wanted);
    expect(late).toBeGreaterThan(65);
  });

  it("and where its JSON is the model's own, what needs no escape", () => {
    const { late, got, wanted } = both(
      DEFAULT,
      ...whole(streamOf(api, [[...args('{"path":"a","text":"'), ...file([" word", " <b>", "日"]), ...args('"}')]])),
    );
    expect(got).toEqual(wanted);
    expect(late).toBeGreaterThan(65);
  });

  it("markup is read at once where rules look for it", () => {
    const { late, got, wanted } = both(MARKS, ...whole(streamOf(api, [serverCut(file(["<", "b"]))])));
    expect(got).toEqual(wanted);
    expect(late).toBeLessThan(40);
  });

  it("a file's body behind many short calls does too", () => {
    const short = Array.from({ length: 20 }, () => args("{", '"path":"', "a", '"', "}"));
    const { late, got, wanted } = both(DEFAULT, ...whole(streamOf(api, [...short, serverCut(file([" word"]))])));
    expect(got).toEqual(wanted);
    expect(late).toBeGreaterThan(65);
  });

  it("so does the text behind a call", () => {
    const behind = Array.from({ length: 50 }, (): Said => ({ text: " word" }));
    const { late, got, wanted } = both(DEFAULT, ...whole(streamOf(api, [[...serverCut(args("x")), ...behind]])));
    expect(got).toEqual(wanted);
    expect(late).toBeGreaterThan(45);
  });

  it("what is outside a string is read at once", () => {
    const numbers = args("{", '"lines":', ...Array.from({ length: 40 }, () => "1"), "}");
    const { late, got, wanted } = both(DEFAULT, ...whole(streamOf(api, [numbers])));
    expect(got).toEqual(wanted);
    expect(late).toBe(0);
  });
});

function whole(stream: Stream): [Stream, number[]] {
  return [stream, eventCuts(stream.body)];
}
