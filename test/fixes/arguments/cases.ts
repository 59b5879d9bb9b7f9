/** Cases of our own, in the image of the families that were reported. */
import type { Tool } from "../../../src/core/delta.ts";
import { bash, editFile, writeFile } from "./support.ts";

export interface Case {
  /** The fix that must act. */
  readonly fix: string;
  readonly tool: Tool;
  readonly input: string;
  /** What each call's arguments mean in the end; undefined: refused, the input as it came. */
  readonly want: readonly unknown[] | undefined;
  readonly finish?: string;
}

const text = { type: "string" };
function tool(
  name: string,
  properties: Record<string, unknown>,
  required: readonly string[] = [],
  more: Record<string, unknown> = {},
): Tool {
  return { name, parameters: { type: "object", properties, required, ...more } };
}

const search = tool("search", { query: text, limit: { type: "integer" }, exact: { type: "boolean" } }, ["query"]);
const note = tool("note", { title: text, body: text }, ["title", "body"]);
const todo = tool(
  "todo",
  {
    items: {
      type: "array",
      items: {
        type: "object",
        properties: { task: text, state: { enum: ["open", "done"] }, activeForm: text },
        required: ["task", "state"],
      },
    },
  },
  ["items"],
);
const tags = tool("tags", { tags: { type: "array", items: text }, weight: { type: ["number", "null"] } });
const shell = tool("shell", { cmd: text, workdir: text, timeout_ms: { type: "number" } }, ["cmd"]);
const view = tool("view", { path: text, range: { type: "array", items: { type: "integer" } } }, ["path"]);
const ping = tool("ping", {});
const glob = tool("glob", { pattern: text, path: text });
const trip: Tool = {
  name: "trip",
  parameters: {
    type: "object",
    $defs: {
      Leg: { type: "object", properties: { from: text, seats: { $ref: "#/$defs/Count" } }, required: ["from"] },
      Count: { type: "integer" },
    },
    properties: { leg: { $ref: "#/$defs/Leg" }, back: { anyOf: [{ $ref: "#/$defs/Leg" }, { type: "null" }] } },
    required: ["leg"],
  },
};

export const CASES: readonly Case[] = [
  // duplicate keys, with and without colon
  {
    fix: "toolcall_bad_filepath",
    tool: shell,
    input: '{"cmd":"ls","workdir":"/w","workdir"/w/sub"}',
    want: [{ cmd: "ls", workdir: "/w" }],
  },
  {
    fix: "toolcall_bad_filepath",
    tool: view,
    input: '{"path":"/a b/c","path"/a b/c", "range":[1,2]}',
    want: [{ path: "/a b/c", range: [1, 2] }],
  },
  {
    fix: "toolcall_bad_filepath",
    tool: trip,
    input: '{"leg":{"from":"OSL","from":"OSL","seats":2}}',
    want: [{ leg: { from: "OSL", seats: 2 } }],
  },
  {
    fix: "toolcall_bad_filepath",
    tool: writeFile,
    input: '{"filePath":"/a.c","content":"x","filePath" "/a.c"}',
    want: [{ filePath: "/a.c", content: "x" }],
  },
  {
    fix: "toolcall_bad_filepath",
    tool: writeFile,
    input: '{"filePath":"/a.c","filePath":/a.c","content":"x"}',
    want: [{ filePath: "/a.c", content: "x" }],
  },
  {
    fix: "toolcall_bad_filepath",
    tool: writeFile,
    input: '{"filePath":"/a.c","content":"x","filePath"/a.c}',
    want: [{ filePath: "/a.c", content: "x" }],
  },

  {
    fix: "toolcall_bad_filepath",
    tool: shell,
    input: '{"cmd":"ls","timeout_ms":5,"timeout_ms"10,"workdir":"/w"}',
    want: [{ cmd: "ls", timeout_ms: 5, workdir: "/w" }],
  },

  // garbled, unquoted, missing keys
  {
    fix: "toolcall_malformed_arguments",
    tool: note,
    input: '{"title":"t",{}":"the body, \\"quoted\\""}',
    want: [{ title: "t", body: 'the body, "quoted"' }],
  },
  { fix: "toolcall_malformed_arguments", tool: note, input: '{{}":"t","body":"b"}', want: [{ title: "t", body: "b" }] },
  { fix: "toolcall_malformed_arguments", tool: shell, input: '{"cmd": "ls", workdir": "/w"}', want: [{ cmd: "ls", workdir: "/w" }] },
  { fix: "toolcall_malformed_arguments", tool: shell, input: '{cmd: "ls", timeout_ms: 5}', want: [{ cmd: "ls", timeout_ms: 5 }] },
  { fix: "toolcall_malformed_arguments", tool: shell, input: '{"cmd": "ls", "workdir: "/w"}', want: [{ cmd: "ls", workdir: "/w" }] },
  {
    fix: "toolcall_malformed_arguments",
    tool: note,
    input: '{"title":"t","a body, with a comma"}',
    want: [{ title: "t", body: "a body, with a comma" }],
  },
  {
    fix: "toolcall_malformed_arguments",
    tool: todo,
    input: '{"items":[{"task":"a","state":"open"},{"state":"done","write it up"}]}',
    want: [
      {
        items: [
          { task: "a", state: "open" },
          { state: "done", task: "write it up" },
        ],
      },
    ],
  },
  { fix: "toolcall_malformed_arguments", tool: note, input: '{"title":"t","body""b"}', want: [{ title: "t", body: "b" }] },
  { fix: "toolcall_malformed_arguments", tool: glob, input: '{{}":"x"}', want: undefined },
  { fix: "toolcall_malformed_arguments", tool: note, input: '{"title":"t","":"b"}', want: [{ title: "t", body: "b" }] },

  // misnamed keys
  {
    fix: "toolcall_misnamed_key",
    tool: editFile,
    input: '{"path":"/w/a","oldText":"a","newText":"b"}',
    want: [{ file_path: "/w/a", old_string: "a", new_string: "b" }],
  },
  {
    fix: "toolcall_misnamed_key",
    tool: editFile,
    input: '{"file_path":"/w/a","old_str":"a","newString":"b"}',
    want: [{ file_path: "/w/a", old_string: "a", new_string: "b" }],
  },
  { fix: "toolcall_misnamed_key", tool: shell, input: '{"workdir":"/w","command":"ls"}', want: [{ workdir: "/w", cmd: "ls" }] },
  {
    fix: "toolcall_misnamed_key",
    tool: todo,
    input: '{"Items":[{"Task":"a","state":"open"}]}',
    want: [{ items: [{ task: "a", state: "open" }] }],
  },
  {
    fix: "toolcall_misnamed_key",
    tool: tool("strict", { maxLines: { type: "integer" } }, [], { additionalProperties: false }),
    input: '{"max_lines":3}',
    want: [{ maxLines: 3 }],
  },

  // wrapped arguments
  {
    fix: "toolcall_wrapped_arguments",
    tool: shell,
    input: '{"parameters":{"cmd":"ls","workdir":"/w"}}',
    want: [{ cmd: "ls", workdir: "/w" }],
  },
  { fix: "toolcall_wrapped_arguments", tool: shell, input: '{"name":"shell","arguments":{"cmd":"ls"}}', want: [{ cmd: "ls" }] },
  { fix: "toolcall_wrapped_arguments", tool: shell, input: '{"shell":{"cmd":"ls"}}', want: [{ cmd: "ls" }] },
  {
    fix: "toolcall_wrapped_arguments",
    tool: shell,
    input: '{"input":"{\\"cmd\\":\\"ls\\",\\"timeout_ms\\":\\"5\\"}"}',
    want: [{ cmd: "ls", timeout_ms: 5 }],
  },
  { fix: "toolcall_wrapped_arguments", tool: note, input: '{"title":"t","arguments":{"body":"b"}}', want: [{ title: "t", body: "b" }] },
  { fix: "toolcall_wrapped_arguments", tool: shell, input: ' [ {"cmd":"ls"} ] ', want: [{ cmd: "ls" }] },

  // leading garbage
  { fix: "toolcall_leading_garbage", tool: search, input: '```\n{"query":"a"}\n```', want: [{ query: "a" }] },
  { fix: "toolcall_leading_garbage", tool: search, input: 'json\n{"query":"a"}', want: [{ query: "a" }] },
  {
    fix: "toolcall_leading_garbage",
    tool: search,
    input: '<|channel|>commentary to=search <|constrain|>json<|message|>{"query":"a"}',
    want: [{ query: "a" }],
  },
  { fix: "toolcall_leading_garbage", tool: search, input: 'Arguments: {"query":"a"}', want: [{ query: "a" }] },

  // trailing garbage
  { fix: "toolcall_trailing_garbage", tool: search, input: '{"query":"a"}}', want: [{ query: "a" }] },
  { fix: "toolcall_trailing_garbage", tool: search, input: '{"query":"a"}\n</tool_call>\n', want: [{ query: "a" }] },
  { fix: "toolcall_trailing_garbage", tool: search, input: '{"query":"a"}"}', want: [{ query: "a" }] },
  { fix: "toolcall_trailing_garbage", tool: search, input: '{"query":"a"}<|tool_call_end|>', want: [{ query: "a" }] },
  { fix: "toolcall_trailing_garbage", tool: search, input: '{"query":"a"} Then I will read {"x":"y"} too.', want: [{ query: "a" }] },

  // commas
  { fix: "toolcall_trailing_comma", tool: tags, input: '{"tags":["a","b",],"weight":1,}', want: [{ tags: ["a", "b"], weight: 1 }] },
  { fix: "toolcall_trailing_comma", tool: tags, input: '{"tags":["a",,"b"],,"weight":1}', want: [{ tags: ["a", "b"], weight: 1 }] },
  { fix: "toolcall_trailing_comma", tool: tags, input: '{"tags":["a" "b"] "weight":1}', want: [{ tags: ["a", "b"], weight: 1 }] },
  { fix: "toolcall_trailing_comma", tool: note, input: '{"title":"t"\n"body":"b"}', want: [{ title: "t", body: "b" }] },
  {
    fix: "toolcall_comments",
    tool: tags,
    input: '{"tags":[/* two */"a","b"], // done\n "weight":2}',
    want: [{ tags: ["a", "b"], weight: 2 }],
  },
  { fix: "toolcall_comments", tool: tags, input: '{\n  # weight only\n  "weight": 2 // kg\n}', want: [{ weight: 2 }] },
  {
    fix: "toolcall_comments",
    tool: note,
    input: '{"title":"http://x // y","body":/* none */"b"}',
    want: [{ title: "http://x // y", body: "b" }],
  },

  // python
  {
    fix: "toolcall_python_literals",
    tool: search,
    input: "{'query': 'it\\'s \"new\"', 'exact': True, 'limit': 3}",
    want: [{ query: 'it\'s "new"', exact: true, limit: 3 }],
  },
  {
    fix: "toolcall_python_literals",
    tool: tags,
    input: "{'tags': ['a', 'b, c'], 'weight': None}",
    want: [{ tags: ["a", "b, c"], weight: null }],
  },
  {
    fix: "toolcall_python_literals",
    tool: tags,
    input: '{"tags": ["x", \'don\'t\'], "weight": None}',
    want: [{ tags: ["x", "don't"], weight: null }],
  },
  { fix: "toolcall_python_literals", tool: search, input: '{"query": "a", "exact": FALSE}', want: [{ query: "a", exact: false }] },

  {
    fix: "toolcall_python_literals",
    tool: writeFile,
    input: '{"content":"""def f():\n    return "x"\n""","filePath":"/w/a.py"}',
    want: [{ content: 'def f():\n    return "x"\n', filePath: "/w/a.py" }],
  },

  // control characters
  { fix: "toolcall_raw_control", tool: note, input: '{"title":"t","body":"a\n\tb\r\nc"}', want: [{ title: "t", body: "a\n\tb\r\nc" }] },
  {
    fix: "toolcall_raw_control",
    tool: bash,
    input: '{"command":"cat <<EOF\nx = \\"1\\"\nEOF"}',
    want: [{ command: 'cat <<EOF\nx = "1"\nEOF' }],
  },
  {
    fix: "toolcall_raw_control",
    tool: note,
    input: '{"title":"\u0001\u001b[1m","body":"b"}',
    want: [{ title: "\u0001\u001b[1m", body: "b" }],
  },

  // escapes
  {
    fix: "toolcall_invalid_escapes",
    tool: view,
    input: '{"path":"D:\\new\\Projects\\app\\bin\\test.cs"}',
    want: [{ path: "D:\\new\\Projects\\app\\bin\\test.cs" }],
  },
  {
    fix: "toolcall_invalid_escapes",
    tool: bash,
    input: '{"command":"type C:\\Temp\\notes.txt & dir"}',
    want: [{ command: "type C:\\Temp\\notes.txt & dir" }],
  },
  { fix: "toolcall_invalid_escapes", tool: search, input: '{"query":"^\\w+\\.ts$","limit":1}', want: [{ query: "^\\w+\\.ts$", limit: 1 }] },
  { fix: "toolcall_invalid_escapes", tool: search, input: '{"query":"\\第一章"}', want: [{ query: "\\第一章" }] },
  { fix: "toolcall_invalid_escapes", tool: search, input: '{"query":"say \\\'hi\\\'"}', want: [{ query: "say 'hi'" }] },
  { fix: "toolcall_invalid_escapes", tool: view, input: '{"path":"/a",\\n "range":\\n[1,\\n2]\\n}', want: [{ path: "/a", range: [1, 2] }] },
  {
    fix: "toolcall_invalid_escapes",
    tool: note,
    input: '{"title":"\\u00g1 \\x41","body":"C:\\Work\\"}',
    want: [{ title: "\\u00g1 \\x41", body: "C:\\Work\\" }],
  },

  // quotes
  {
    fix: "toolcall_unescaped_quotes",
    tool: note,
    input: '{"title":"The "big" one","body":"see "a", "b" and "c""}',
    want: [{ title: 'The "big" one', body: 'see "a", "b" and "c"' }],
  },
  {
    fix: "toolcall_unescaped_quotes",
    tool: bash,
    input: '{"command":"echo "{"a": "b"}" > x.json","description":"write"}',
    want: [{ command: 'echo "{"a": "b"}" > x.json', description: "write" }],
  },
  {
    fix: "toolcall_unescaped_quotes",
    tool: writeFile,
    input: '{"content":"import x from "y";\\nprint("z")\\n","filePath":"/w/a.js"}',
    want: [{ content: 'import x from "y";\nprint("z")\n', filePath: "/w/a.js" }],
  },
  { fix: "toolcall_unescaped_quotes", tool: tags, input: '{"tags":["a "b" c","d"]}', want: [{ tags: ['a "b" c', "d"] }] },
  { fix: "toolcall_unescaped_quotes", tool: search, input: '{"query":"if (x) { say("}") }"}', want: [{ query: 'if (x) { say("}") }' }] },

  {
    fix: "toolcall_unescaped_quotes",
    tool: writeFile,
    input: '{"content":""""Doc."""\\nx = ""\\n","filePath":"/w/a.py"}',
    want: [{ content: '"""Doc."""\nx = ""\n', filePath: "/w/a.py" }],
  },

  // bare values
  {
    fix: "toolcall_bare_value",
    tool: bash,
    input: '{"command": grep -rn "foo bar" src | wc -l}',
    want: [{ command: 'grep -rn "foo bar" src | wc -l' }],
  },
  {
    fix: "toolcall_bare_value",
    tool: bash,
    input: '{"command": git status, "description": "Show"}',
    want: [{ command: "git status", description: "Show" }],
  },
  { fix: "toolcall_bare_value", tool: view, input: '{"path": /w/a.ts, "range": [1, 2]}', want: [{ path: "/w/a.ts", range: [1, 2] }] },
  { fix: "toolcall_bare_value", tool: view, input: '{"path":/w/a.ts"}', want: [{ path: "/w/a.ts" }] },

  // double encoding
  {
    fix: "toolcall_double_encoded",
    tool: search,
    input: '"{\\"query\\":\\"a \\\\\\"b\\\\\\"\\",\\"limit\\":2}"',
    want: [{ query: 'a "b"', limit: 2 }],
  },
  { fix: "toolcall_double_encoded", tool: search, input: '"\\"{\\\\\\"query\\\\\\":\\\\\\"a\\\\\\"}\\""', want: [{ query: "a" }] },
  { fix: "toolcall_double_encoded", tool: search, input: '{\\"query\\": \\"a\\", \\"limit\\": 2}', want: [{ query: "a", limit: 2 }] },

  // nothing
  { fix: "toolcall_empty_arguments", tool: ping, input: "", want: [{}] },
  { fix: "toolcall_empty_arguments", tool: glob, input: " null ", want: [{}] },
  { fix: "toolcall_empty_arguments", tool: ping, input: '""', want: [{}] },
  { fix: "toolcall_empty_arguments", tool: ping, input: "None", want: [{}] },
  { fix: "toolcall_empty_arguments", tool: search, input: "null", want: undefined },

  // concatenated
  {
    fix: "toolcall_concatenated",
    tool: search,
    input: '{"query":"a"}\n{"query":"b"}{"query":"c"}',
    want: [{ query: "a" }, { query: "b" }, { query: "c" }],
  },
  { fix: "toolcall_concatenated", tool: search, input: '{"query":"a"}{"query":"a"}{"query": "a"}', want: [{ query: "a" }] },
  { fix: "toolcall_concatenated", tool: search, input: '{}{"query":"a"}', want: [{ query: "a" }] },
  { fix: "toolcall_concatenated", tool: glob, input: '{}{"pattern":"*"}', want: [{ pattern: "*" }] },
  { fix: "toolcall_concatenated", tool: search, input: '{"query":"a"}{"query":"b', want: undefined },

  // containers and strings
  { fix: "toolcall_stringified_container", tool: tags, input: '{"tags":"[\\"a\\", \\"b\\"]"}', want: [{ tags: ["a", "b"] }] },
  {
    fix: "toolcall_stringified_container",
    tool: trip,
    input: '{"leg":"{\\"from\\":\\"OSL\\",\\"seats\\":\\"2\\"}","back":"{\\"from\\":\\"CDG\\"}"}',
    want: [{ leg: { from: "OSL", seats: 2 }, back: { from: "CDG" } }],
  },
  { fix: "toolcall_stringified_container", tool: tags, input: "{\"tags\":\"['a', 'b']\"}", want: [{ tags: ["a", "b"] }] },
  {
    fix: "toolcall_stringified_container",
    tool: todo,
    input: '{"items":"[{"task":"a","state":"open"}]"}',
    want: [{ items: [{ task: "a", state: "open" }] }],
  },
  { fix: "toolcall_stringified_container", tool: tags, input: '{"tags":"[\\"a\\"]</tags>"}', want: [{ tags: ["a"] }] },
  {
    fix: "toolcall_object_for_string",
    tool: note,
    input: '{"title":"t","body":{"a": [1,  2], "b": "}"}}',
    want: [{ title: "t", body: '{"a": [1,  2], "b": "}"}' }],
  },
  { fix: "toolcall_object_for_string", tool: note, input: '{"body":["x", "y"],"title":"t"}', want: [{ body: '["x", "y"]', title: "t" }] },
  {
    fix: "toolcall_object_for_string",
    tool: todo,
    input: '{"items":[{"task":{"do": "it"},"state":"open"}]}',
    want: [{ items: [{ task: '{"do": "it"}', state: "open" }] }],
  },

  // scalars
  {
    fix: "toolcall_scalar_types",
    tool: search,
    input: '{"query":"a","limit":"10","exact":"True"}',
    want: [{ query: "a", limit: 10, exact: true }],
  },
  { fix: "toolcall_scalar_types", tool: search, input: '{"query":42,"limit":1}', want: [{ query: "42", limit: 1 }] },
  { fix: "toolcall_scalar_types", tool: tags, input: '{"weight":"-1.50e3"}', want: [{ weight: -1500 }] },
  {
    fix: "toolcall_scalar_types",
    tool: tags,
    input: '{"tags":[1,true,"c"],"weight":"null"}',
    want: [{ tags: ["1", "true", "c"], weight: null }],
  },

  // braces
  { fix: "toolcall_missing_open_brace", tool: note, input: '"title": "t", "body": "b"}', want: [{ title: "t", body: "b" }] },
  { fix: "toolcall_missing_open_brace", tool: note, input: 'title": "t", "body": "b"}', want: [{ title: "t", body: "b" }] },
  { fix: "toolcall_missing_open_brace", tool: note, input: '"body": "b"}', want: undefined },
  { fix: "toolcall_missing_close_brace", tool: note, input: '{"title":"t","body":"b"', want: [{ title: "t", body: "b" }] },
  {
    fix: "toolcall_missing_close_brace",
    tool: todo,
    input: '{"items":[{"task":"a","state":"open"}',
    want: [{ items: [{ task: "a", state: "open" }] }],
  },
  {
    fix: "toolcall_missing_close_brace",
    tool: todo,
    input: '{"items":[{"task":"a","state":"open"}}',
    want: [{ items: [{ task: "a", state: "open" }] }],
  },
  { fix: "toolcall_missing_close_brace", tool: note, input: '{"title":"t"', want: undefined },
  { fix: "toolcall_missing_close_brace", tool: note, input: '{"title":"t","body":"b', want: undefined },
  { fix: "toolcall_missing_close_brace", tool: note, input: '{"title":"t","body":', want: undefined },
  { fix: "toolcall_missing_close_brace", tool: note, input: '{"title":"t","body":"b"', want: undefined, finish: "length" },

  // markup
  {
    fix: "toolcall_markup",
    tool: shell,
    input: "<parameter=cmd>\nls -la\n</parameter>\n<parameter=timeout_ms>\n500\n</parameter>\n</function>",
    want: [{ cmd: "ls -la", timeout_ms: 500 }],
  },
  { fix: "toolcall_markup", tool: shell, input: '<parameter name="cmd">ls {a}</parameter>', want: [{ cmd: "ls {a}" }] },
  { fix: "toolcall_markup", tool: shell, input: "<arg_key>cmd</arg_key>\n<arg_value>ls</arg_value>", want: [{ cmd: "ls" }] },
  { fix: "toolcall_markup", tool: shell, input: "<parameter=nonsense>x</parameter>", want: undefined },
];
