/** A model's reply as text, and what the client must get of it. Own cases, in the image of reported families. */
export interface Case {
  readonly name: string;
  readonly family: string;
  readonly text: string;
  readonly reasoning?: string;
  /** Default: stop. */
  readonly finish?: string;
  /** The request, where it says more than the tools. */
  readonly request?: Readonly<Record<string, unknown>>;
  readonly noTools?: boolean;
  readonly expect: {
    /** Trimmed. */
    readonly text?: string;
    readonly reasoning?: string;
    /** Empty: nothing may change. */
    readonly calls?: readonly (readonly [name: string, args: unknown])[];
  };
}

const qwen = (name: string, ...params: readonly string[]): string => `<function=${name}>\n${params.join("\n")}\n</function>`;
const param = (key: string, value: string): string => `<parameter=${key}>\n${value}\n</parameter>`;

export const CALLS: readonly Case[] = [
  // Qwen XML
  {
    name: "one line, no wrapper",
    family: "content_qwen_xml",
    text: "Reading.\n<function=read><parameter=filePath>/tmp/notes.txt</parameter></function>",
    expect: { text: "Reading.", calls: [["read", { filePath: "/tmp/notes.txt" }]] },
  },
  {
    name: "a file about the format itself",
    family: "content_qwen_xml",
    text: `<tool_call>\n${qwen("write", param("path", "doc.md"), param("content", `Write:\n<tool_call>\n${qwen("read", param("filePath", "x"))}\n</tool_call>\nDone.`))}\n</tool_call>`,
    expect: {
      calls: [["write", { path: "doc.md", content: `Write:\n<tool_call>\n${qwen("read", param("filePath", "x"))}\n</tool_call>\nDone.` }]],
    },
  },
  {
    name: "types by schema, empty value, entities kept",
    family: "content_qwen_xml",
    text: `<tool_call>\n${qwen("search", param("query", "a &amp; b && c"), param("tags", "['x', \"y\"]"), param("deep", "True"), param("opts", '{"n": 1.50}'))}\n</tool_call>`,
    expect: { calls: [["search", { query: "a &amp; b && c", tags: ["x", "y"], deep: true, opts: { n: 1.5 } }]] },
  },
  {
    name: "attributes instead of equals signs",
    family: "content_qwen_xml",
    text: '<tool_call>\n<function name="read">\n<parameter name="filePath">a.ts</parameter>\n<parameter name="limit">5</parameter>\n</function>\n</tool_call>',
    expect: { calls: [["read", { filePath: "a.ts", limit: 5 }]] },
  },
  {
    name: "the function's closing tag missing, two calls",
    family: "content_qwen_xml",
    text: `<tool_call>\n<function=read>\n${param("filePath", "a")}\n</tool_call>\n<tool_call>\n<function=read>\n${param("filePath", "b")}\n</tool_call>`,
    expect: {
      calls: [
        ["read", { filePath: "a" }],
        ["read", { filePath: "b" }],
      ],
    },
  },
  {
    name: "no parameters",
    family: "content_qwen_xml",
    text: "Let me see.\n\n<tool_call>\n<function=list_files>\n</function>\n</tool_call>",
    expect: { text: "Let me see.", calls: [["list_files", {}]] },
  },
  {
    name: "the same parameter twice: the first wins",
    family: "content_qwen_xml",
    text: qwen("write", param("path", "a"), param("content", "x"), param("path", "b")),
    expect: { calls: [["write", { path: "a", content: "x" }]] },
  },
  {
    name: "property tags, the call named by its own tag",
    family: "content_qwen_xml",
    text: "<tool_call>\n<read>\n<filePath>a.ts</filePath>\n</read>\n</tool_call>",
    expect: { calls: [["read", { filePath: "a.ts" }]] },
  },
  {
    name: "an opening tag without its bracket",
    family: "content_qwen_xml",
    text: `<tool_call>\n<function=read\n${param("filePath", "a.ts")}\n</function>\n</tool_call>`,
    expect: { calls: [["read", { filePath: "a.ts" }]] },
  },
  {
    name: "indentation and blank lines of the value are kept",
    family: "content_qwen_xml",
    text: `<tool_call>\n${qwen("write", param("path", "a.py"), param("content", "\n    def f():\n        pass\n"))}\n</tool_call>`,
    expect: { calls: [["write", { path: "a.py", content: "\n    def f():\n        pass\n" }]] },
  },
  {
    name: "a closing tag of the parameter missing before the function's",
    family: "content_qwen_xml",
    text: "<tool_call>\n<function=bash>\n<parameter=command>\nls -la\n</function>\n</tool_call>",
    expect: { calls: [["bash", { command: "ls -la" }]] },
  },
  // Hermes
  {
    name: "a brace missing",
    family: "content_hermes_json",
    text: '<tool_call>\n{"name": "read", "arguments": {"filePath": "a.ts"}\n</tool_call>',
    expect: { calls: [["read", { filePath: "a.ts" }]] },
  },
  {
    name: "a brace too many, no line breaks, glued to the prose",
    family: "content_hermes_json",
    text: 'On it.<tool_call>{"name":"read","arguments":{"filePath":"a.ts"}}}</tool_call>',
    expect: { text: "On it.", calls: [["read", { filePath: "a.ts" }]] },
  },
  {
    name: "arguments as a string, numbers kept as spelled",
    family: "content_hermes_json",
    text: '<tool_call>{"name": "read", "arguments": "{\\"filePath\\": \\"a\\", \\"limit\\": 10}"}</tool_call>',
    expect: { calls: [["read", { filePath: "a", limit: 10 }]] },
  },
  {
    name: "two objects in one tag",
    family: "content_hermes_json",
    text: '<tool_call>\n{"name": "read", "arguments": {"filePath": "a"}}\n{"name": "read", "arguments": {"filePath": "b"}}\n</tool_call>',
    expect: {
      calls: [
        ["read", { filePath: "a" }],
        ["read", { filePath: "b" }],
      ],
    },
  },
  {
    name: "a list, other key words",
    family: "content_hermes_json",
    text: '<tool_call>[{"name": "read", "parameters": {"filePath": "</tool_call>"}}]</tool_call>',
    expect: { calls: [["read", { filePath: "</tool_call>" }]] },
  },
  {
    name: "no arguments at all",
    family: "content_hermes_json",
    text: '<tool_call>\n{"name": "list_files"}\n</tool_call>',
    expect: { calls: [["list_files", {}]] },
  },
  {
    name: "prose behind it on a line of its own",
    family: "content_hermes_json",
    text: 'I look.\n<tool_call>\n{"name": "list_files", "arguments": {}}\n</tool_call>\nThen I go on.',
    expect: { text: "I look.\nThen I go on.", calls: [["list_files", {}]] },
  },
  {
    name: "Python quotes",
    family: "content_hermes_json",
    text: "<tool_call>\n{'name': 'search', 'arguments': {'query': \"it's\", 'deep': True}}\n</tool_call>",
    expect: { calls: [["search", { query: "it's", deep: true }]] },
  },
  {
    name: "doubled braces",
    family: "content_hermes_json",
    text: '<tool_call>\n{{"name": "bash", "arguments": {"command": "ls"}}}\n</tool_call>',
    expect: { calls: [["bash", { command: "ls" }]] },
  },
  // bare JSON
  {
    name: "function object",
    family: "content_bare_json",
    text: '{"type": "function", "function": {"name": "read", "arguments": {"filePath": "a.ts"}}}',
    expect: { calls: [["read", { filePath: "a.ts" }]] },
  },
  {
    name: "a list of two",
    family: "content_bare_json",
    text: '[{"name": "read", "arguments": {"filePath": "a"}}, {"name": "list_files", "arguments": {}}]',
    expect: {
      calls: [
        ["read", { filePath: "a" }],
        ["list_files", {}],
      ],
    },
  },
  {
    name: "white space around, a closing tag behind",
    family: "content_bare_json",
    text: '\n{"name": "bash", "arguments": {"command": "ls"}}\n</tool_call>',
    expect: { calls: [["bash", { command: "ls" }]] },
  },
  {
    name: "tool_calls wrapper with string arguments",
    family: "content_bare_json",
    text: '{"tool_calls": [{"id": "c1", "type": "function", "function": {"name": "bash", "arguments": "{\\"command\\": \\"pwd\\"}"}}]}',
    expect: { calls: [["bash", { command: "pwd" }]] },
  },
  {
    name: "objects one behind the other",
    family: "content_bare_json",
    text: '{"name": "read", "arguments": {"filePath": "a"}}\n{"name": "read", "arguments": {"filePath": "b"}}',
    expect: {
      calls: [
        ["read", { filePath: "a" }],
        ["read", { filePath: "b" }],
      ],
    },
  },
  // fenced
  {
    name: "a json fence",
    family: "content_fenced_json",
    text: '```json\n{"name": "read", "arguments": {"filePath": "a.ts"}}\n```',
    expect: { calls: [["read", { filePath: "a.ts" }]] },
  },
  {
    name: "no language, no end",
    family: "content_fenced_json",
    text: '```\n{"name": "read", "arguments": {"filePath": "a.ts"}}',
    expect: { calls: [["read", { filePath: "a.ts" }]] },
  },
  {
    name: "tool_code with Python",
    family: "content_fenced_json",
    text: "```tool_code\nprint(default_api.get_weather(location='Paris', days=2))\n```",
    expect: { calls: [["get_weather", { location: "Paris", days: 2 }]] },
  },
  {
    name: "prose in front, where the option allows it",
    family: "content_fenced_json",
    text: 'I read it:\n\n```json\n{"name": "read", "arguments": {"filePath": "a.ts"}}\n```',
    request: { with_prose: true },
    expect: { text: "I read it:", calls: [["read", { filePath: "a.ts" }]] },
  },
  // GLM
  {
    name: "two pairs, number by schema",
    family: "content_glm",
    text: "<tool_call>read\n<arg_key>filePath</arg_key>\n<arg_value>a.ts</arg_value>\n<arg_key>limit</arg_key>\n<arg_value>20</arg_value>\n</tool_call>",
    expect: { calls: [["read", { filePath: "a.ts", limit: 20 }]] },
  },
  {
    name: "a value closed by the wrong tag",
    family: "content_glm",
    text: "<tool_call>read<arg_key>filePath</arg_value><arg_value>a.ts</arg_key></tool_call>",
    expect: { calls: [["read", { filePath: "a.ts" }]] },
  },
  {
    name: "a value without its closing tag, two calls",
    family: "content_glm",
    text: "I read both.\n<tool_call>read\n<arg_key>filePath</arg_key>\n<arg_value>a.ts\n</tool_call>\n<tool_call>read\n<arg_key>filePath</arg_key>\n<arg_value>b.ts</arg_value>\n</tool_call>",
    expect: {
      text: "I read both.",
      calls: [
        ["read", { filePath: "a.ts" }],
        ["read", { filePath: "b.ts" }],
      ],
    },
  },
  {
    name: "no opening tag of the value",
    family: "content_glm",
    text: "<tool_call>bash<arg_key>command</arg_key>ls -la</arg_value></tool_call>",
    expect: { calls: [["bash", { command: "ls -la" }]] },
  },
  {
    name: "quoted pairs",
    family: "content_glm",
    text: '<tool_call>get_weather location="New York" days=3</tool_call>',
    expect: { calls: [["get_weather", { location: "New York", days: 3 }]] },
  },
  {
    name: "markup as a value",
    family: "content_glm",
    text: "<tool_call>write<arg_key>path</arg_key><arg_value>a.html</arg_value><arg_key>content</arg_key><arg_value><b>x</b>\n</arg_value></tool_call>",
    expect: { calls: [["write", { path: "a.html", content: "<b>x</b>\n" }]] },
  },
  // invoke
  {
    name: "Anthropic style",
    family: "content_invoke",
    text: 'I run it.\n\n<function_calls>\n<invoke name="bash">\n<parameter name="command">ls</parameter>\n<parameter name="timeout">10</parameter>\n</invoke>\n</function_calls>',
    expect: { text: "I run it.", calls: [["bash", { command: "ls", timeout: 10 }]] },
  },
  {
    name: "MiniMax, two calls",
    family: "content_invoke",
    text: '<minimax:tool_call>\n<invoke name="read">\n<parameter name="filePath">a</parameter>\n</invoke>\n<invoke name="list_files">\n</invoke>\n</minimax:tool_call>',
    expect: {
      calls: [
        ["read", { filePath: "a" }],
        ["list_files", {}],
      ],
    },
  },
  {
    name: "property tags, wrapper's end cut off",
    family: "content_invoke",
    text: '<minimax:tool_call>\n<invoke name="search">\n<query>weather</query>\n<tags>["a"]</tags>\n</invoke>\n</minimax:tool',
    expect: { calls: [["search", { query: "weather", tags: ["a"] }]] },
  },
  // Mistral
  {
    name: "name and arguments",
    family: "content_mistral",
    text: 'Sure.[TOOL_CALLS]read[ARGS]{"filePath": "a.ts"}',
    expect: { text: "Sure.", calls: [["read", { filePath: "a.ts" }]] },
  },
  {
    name: "a list with ids",
    family: "content_mistral",
    text: '[TOOL_CALLS] [{"name": "read", "arguments": {"filePath": "a"}, "id": "abc123def"}, {"name": "list_files", "arguments": {}}]</s>',
    expect: {
      calls: [
        ["read", { filePath: "a" }],
        ["list_files", {}],
      ],
    },
  },
  {
    name: "a call id between name and arguments",
    family: "content_mistral",
    text: '[TOOL_CALLS]bash[CALL_ID]123456789[ARGS]{"command": "ls"}',
    expect: { calls: [["bash", { command: "ls" }]] },
  },
  {
    name: "no [ARGS]",
    family: "content_mistral",
    text: '[TOOL_CALLS]bash{"command": "ls"}[TOOL_CALLS]bash{"command": "pwd"}',
    expect: {
      calls: [
        ["bash", { command: "ls" }],
        ["bash", { command: "pwd" }],
      ],
    },
  },
  // harmony
  {
    name: "analysis, then a call",
    family: "content_harmony",
    text: '<|channel|>analysis<|message|>I look.<|end|><|start|>assistant<|channel|>commentary to=functions.read <|constrain|>json<|message|>{"filePath":"a"}<|call|>',
    expect: { reasoning: "I look.", calls: [["read", { filePath: "a" }]] },
  },
  {
    name: "analysis, then the answer, no tools",
    family: "content_harmony",
    text: "<|channel|>analysis<|message|>Greet.<|end|><|start|>assistant<|channel|>final<|message|>Hello!<|return|>",
    noTools: true,
    expect: { text: "Hello!", reasoning: "Greet.", calls: [] },
  },
  {
    name: "the recipient in the role",
    family: "content_harmony",
    text: '<|start|>assistant to=functions.bash<|channel|>commentary json<|message|>{"command":"ls"}',
    expect: { calls: [["bash", { command: "ls" }]] },
  },
  {
    name: "tokens stripped, with a call",
    family: "content_harmony",
    text: 'analysisNeed weather.assistantcommentary to=functions.get_weather json{"location":"Oslo"}',
    expect: { reasoning: "Need weather.", calls: [["get_weather", { location: "Oslo" }]] },
  },
  {
    name: "behind an answer",
    family: "content_harmony",
    text: "Let me check.<|channel|>commentary to=functions.list_files<|message|>{}",
    expect: { text: "Let me check.", calls: [["list_files", {}]] },
  },
  // DeepSeek
  {
    name: "DSML with a plain bar, two calls",
    family: "content_deepseek",
    text: '<|DSML|tool_calls>\n<|DSML|invoke name="search">\n<|DSML|parameter name="query" string="true">5</|DSML|parameter>\n<|DSML|parameter name="deep" string="false">true</|DSML|parameter>\n</|DSML|invoke>\n<|DSML|invoke name="list_files">\n</|DSML|invoke>\n</|DSML|tool_calls>',
    expect: {
      calls: [
        ["search", { query: "5", deep: true }],
        ["list_files", {}],
      ],
    },
  },
  {
    name: "V3 tokens with a fence",
    family: "content_deepseek",
    text: 'Looking.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{"location": "Tokyo"}\n```<｜tool▁call▁end｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>list_files\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    expect: {
      text: "Looking.",
      calls: [
        ["get_weather", { location: "Tokyo" }],
        ["list_files", {}],
      ],
    },
  },
  {
    name: "V3.1, ends missing",
    family: "content_deepseek",
    text: '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>bash<｜tool▁sep｜>{"command": "ls"}',
    expect: { calls: [["bash", { command: "ls" }]] },
  },
  {
    name: "no wrapper, double bars of another kind",
    family: "content_deepseek",
    text: '<‖DSML‖invoke name="bash">\n<‖DSML‖parameter name="command" string="true">echo "<b>"</‖DSML‖parameter>\n</‖DSML‖invoke>',
    expect: { calls: [["bash", { command: 'echo "<b>"' }]] },
  },
  // Kimi
  {
    name: "two calls in a section",
    family: "content_kimi",
    text: '<|tool_calls_section_begin|><|tool_call_begin|>functions.read:0<|tool_call_argument_begin|>{"filePath": "a"}<|tool_call_end|><|tool_call_begin|>functions.read:1<|tool_call_argument_begin|>{"filePath": "b"}<|tool_call_end|><|tool_calls_section_end|>',
    expect: {
      calls: [
        ["read", { filePath: "a" }],
        ["read", { filePath: "b" }],
      ],
    },
  },
  {
    name: "no section, no end",
    family: "content_kimi",
    text: 'Now.\n<|tool_call_begin|>bash:3<|tool_call_argument_begin|>{"command": "ls"}',
    expect: { text: "Now.", calls: [["bash", { command: "ls" }]] },
  },
  {
    name: "tokens stripped, two calls",
    family: "content_kimi",
    text: 'I look at both.functions.read:0{"filePath": "a"}functions.read:1{"filePath": "b"}',
    expect: {
      text: "I look at both.",
      calls: [
        ["read", { filePath: "a" }],
        ["read", { filePath: "b" }],
      ],
    },
  },
  // Gemma
  {
    name: "strings, numbers, nesting",
    family: "content_gemma",
    text: '<|tool_call>call:search{query:<|"|>a, b}<|"|>,tags:[<|"|>x<|"|>,<|"|>y<|"|>],deep:true,opts:{n:5}}<tool_call|>',
    expect: { calls: [["search", { query: "a, b}", tags: ["x", "y"], deep: true, opts: { n: 5 } }]] },
  },
  {
    name: "two calls behind prose",
    family: "content_gemma",
    text: 'Reading.<|tool_call>call:read{filePath:<|"|>a<|"|>,limit:3}<tool_call|><|tool_call>call:list_files{}<tool_call|>',
    expect: {
      text: "Reading.",
      calls: [
        ["read", { filePath: "a", limit: 3 }],
        ["list_files", {}],
      ],
    },
  },
  {
    name: "plain quotes, no end token",
    family: "content_gemma",
    text: '<|tool_call>call:bash{command:"ls \\"x\\""}',
    expect: { calls: [["bash", { command: 'ls "x"' }]] },
  },
  {
    name: "tokens stripped, the whole message",
    family: "content_gemma",
    text: 'call:bash{command:<|"|>ls<|"|>}',
    expect: { calls: [["bash", { command: "ls" }]] },
  },
  // Llama
  {
    name: "python tag, JSON",
    family: "content_llama",
    text: '<|python_tag|>{"type": "function", "name": "read", "parameters": {"filePath": "a"}}<|eom_id|>',
    expect: { calls: [["read", { filePath: "a" }]] },
  },
  {
    name: "python tag, two objects",
    family: "content_llama",
    text: '<|python_tag|>{"name": "read", "parameters": {"filePath": "a"}}; {"name": "read", "parameters": {"filePath": "b"}}',
    expect: {
      calls: [
        ["read", { filePath: "a" }],
        ["read", { filePath: "b" }],
      ],
    },
  },
  {
    name: "python tag, builtin style",
    family: "content_llama",
    text: '<|python_tag|>search.call(query="llamas")',
    expect: { calls: [["search", { query: "llamas" }]] },
  },
  {
    name: "function tag around JSON",
    family: "content_llama",
    text: 'Sure.\n<function=bash>{"command": "ls"}</function>',
    expect: { text: "Sure.", calls: [["bash", { command: "ls" }]] },
  },
  // pythonic
  {
    name: "LFM2, two calls",
    family: "content_pythonic",
    text: "Ok.<|tool_call_start|>[read(filePath='a.ts', limit=5), list_files()]<|tool_call_end|>",
    expect: {
      text: "Ok.",
      calls: [
        ["read", { filePath: "a.ts", limit: 5 }],
        ["list_files", {}],
      ],
    },
  },
  {
    name: "the whole message, no tokens",
    family: "content_pythonic",
    text: '[get_weather(location="São Paulo", days=3)]',
    expect: { calls: [["get_weather", { location: "São Paulo", days: 3 }]] },
  },
  {
    name: "end token missing, escapes and brackets in strings",
    family: "content_pythonic",
    text: "<|tool_call_start|>[bash(command='echo \\'a)]\\'\\n', description=\"x\")]",
    expect: { calls: [["bash", { command: "echo 'a)]'\n", description: "x" }]] },
  },
  {
    name: "JSON between LFM2's tokens",
    family: "content_pythonic",
    text: '<|tool_call_start|>[{"name": "read", "arguments": {"filePath": "a"}}]<|tool_call_end|>',
    expect: { calls: [["read", { filePath: "a" }]] },
  },
  // think
  {
    name: "a block and an answer",
    family: "content_think_leak",
    text: "<think>\nplan\n</think>\n\nHello",
    noTools: true,
    expect: { text: "Hello", reasoning: "plan", calls: [] },
  },
  {
    name: "capitals and white space in front",
    family: "content_think_leak",
    text: "\n<Think>plan</THINK>Hello",
    expect: { text: "Hello", reasoning: "plan", calls: [] },
  },
  {
    name: "never closed",
    family: "content_think_leak",
    text: "<think>plan and nothing else",
    expect: { text: "", reasoning: "plan and nothing else", calls: [] },
  },
  {
    name: "a call behind the block",
    family: "content_think_leak",
    text: '<think>plan</think>\n{"name": "bash", "arguments": {"command": "ls"}}',
    expect: { text: "", reasoning: "plan", calls: [["bash", { command: "ls" }]] },
  },
  {
    name: "only the closing tag, at the very beginning",
    family: "content_think_leak",
    text: "</think>\n\nHello",
    expect: { text: "Hello", calls: [] },
  },
  // special tokens
  { name: "one token", family: "content_special_tokens", text: "Hello.<|eot_id|>", expect: { text: "Hello.", calls: [] } },
  {
    name: "a run of them",
    family: "content_special_tokens",
    text: "Done.</s></s>\n</s>",
    noTools: true,
    expect: { text: "Done.", calls: [] },
  },
  {
    name: "on its own line",
    family: "content_special_tokens",
    text: "```js\nf();\n```\n<|im_end|>\n",
    expect: { text: "```js\nf();\n```", calls: [] },
  },
  // reasoning
  {
    name: "Hermes at the end of reasoning",
    family: "reasoning_tool_calls",
    reasoning: 'I should read it.\n<tool_call>\n{"name": "read", "arguments": {"filePath": "a"}}\n</tool_call>',
    text: "",
    expect: { reasoning: "I should read it.", calls: [["read", { filePath: "a" }]] },
  },
  {
    name: "Qwen XML at the end, blank content",
    family: "reasoning_tool_calls",
    reasoning: `I see.\n${qwen("read", param("filePath", "a"))}\n</tool_call>`,
    text: "\n\n",
    expect: { reasoning: "I see.", calls: [["read", { filePath: "a" }]] },
  },
  {
    name: "a quoted call first, the real one last",
    family: "reasoning_tool_calls",
    reasoning:
      'Either <tool_call>{"name": "bash", "arguments": {"command": "ls"}}</tool_call> or a read. A read.\n<tool_call>{"name": "read", "arguments": {"filePath": "a"}}</tool_call>',
    text: "",
    expect: {
      reasoning: 'Either <tool_call>{"name": "bash", "arguments": {"command": "ls"}}</tool_call> or a read. A read.',
      calls: [["read", { filePath: "a" }]],
    },
  },
  // repeated
  {
    name: "the same call three times, one wanted",
    family: "content_repeated_calls",
    text: '<tool_call>{"name":"list_files","arguments":{}}</tool_call>'.repeat(3),
    request: { parallel_tool_calls: false },
    expect: { calls: [["list_files", {}]] },
  },
  {
    name: "two different calls stay two",
    family: "content_repeated_calls",
    text: '<tool_call>{"name":"read","arguments":{"filePath":"a"}}</tool_call><tool_call>{"name":"read","arguments":{"filePath":"b"}}</tool_call>',
    request: { parallel_tool_calls: false },
    expect: {
      calls: [
        ["read", { filePath: "a" }],
        ["read", { filePath: "b" }],
      ],
    },
  },
  {
    name: "repeated where many are welcome",
    family: "content_hermes_json",
    text: '<tool_call>{"name":"list_files","arguments":{}}</tool_call>'.repeat(2),
    expect: {
      calls: [
        ["list_files", {}],
        ["list_files", {}],
      ],
    },
  },
];

const hermes = '<tool_call>\n{"name": "bash", "arguments": {"command": "ls"}}\n</tool_call>';

/** Nothing of these may change: not a character of text or reasoning, no call. */
export const UNTOUCHED: readonly Omit<Case, "expect" | "family">[] = [
  { name: "a call in a fence, prose around it", text: `To call it the model writes:\n\n\`\`\`xml\n${hermes}\n\`\`\`\n\nThat is all.` },
  { name: "a call in a fence that ends the message", text: `The model writes:\n\n\`\`\`\n${hermes}\n\`\`\`` },
  { name: "inline code", text: `Use \`${hermes.replaceAll("\n", "")}\` for that.` },
  { name: "inline code at the end", text: `The form is \`${hermes.replaceAll("\n", "")}\`` },
  { name: "a quotation", text: `Bob wrote:\n\n> ${hermes.replaceAll("\n", "\n> ")}` },
  { name: "an example announced with a colon, prose behind", text: `The format:\n${hermes}\nThe parser reads that.` },
  { name: "an example announced as one, at the end", text: `Here is an example of the format:\n${hermes}` },
  { name: "a sentence around a call", text: `${hermes.replaceAll("\n", "")} is how a call looks.` },
  { name: "a sentence that ends with a call and a full stop", text: `It looks like ${hermes.replaceAll("\n", "")}.` },
  { name: "a name that is not offered", text: '<tool_call>\n{"name": "rm", "arguments": {"path": "/"}}\n</tool_call>' },
  { name: "an XML name that is not offered", text: "<function=rm>\n<parameter=path>\n/\n</parameter>\n</function>" },
  { name: "the tag in a sentence", text: "Use <function=read> in text, or <tool_call> and </tool_call>." },
  { name: "a placeholder", text: "Write <function=NAME>\n<parameter=KEY>\nVALUE\n</parameter>\n</function>" },
  { name: "source code", text: "const s = text.indexOf('<tool_call>{\"name\":');\nif (s < 0) return;" },
  { name: "JSON that is data", text: '{"name": "Alice", "arguments": {"a": 1}}' },
  { name: "JSON with a key of its own", text: '{"name": "bash", "version": 5, "arguments": {"command": "ls"}}' },
  {
    name: "a tool's definition",
    text: '{"name": "bash", "parameters": {"type": "object", "properties": {"command": {"type": "string"}}}}',
  },
  { name: "JSON and then prose", text: '{"name": "bash", "arguments": {"command": "ls"}}\nSend this to the server.' },
  { name: "prose and then JSON", text: 'This is the body: {"name": "bash", "arguments": {"command": "ls"}}' },
  { name: "a fence and then prose", text: '```json\n{"name": "bash", "arguments": {"command": "ls"}}\n```\nSend it with curl.' },
  { name: "prose and then a fence", text: 'This is the body:\n```json\n{"name": "bash", "arguments": {"command": "ls"}}\n```' },
  {
    name: "JSON that was asked for",
    text: '{"name": "bash", "arguments": {"command": "ls"}}',
    request: { response_format: { type: "json_object" } },
  },
  { name: "pythonic text in a sentence", text: "[list_files()] is what it writes." },
  { name: "a list in code", text: "[1, 2, 3] and then\n[list](x)" },
  { name: "tokens in a sentence", text: "ChatML ends a turn with <|im_end|> and begins one with <|im_start|>user." },
  { name: "a token that a sentence speaks of, last", text: "Every turn ends with <|im_end|>" },
  { name: "a closing strike-through tag", text: "now <s>old</s>" },
  { name: "the mark of Mistral in a sentence", text: "[TOOL_CALLS] is a token of Mistral's." },
  { name: "a think tag in the middle", text: "Use <think>plan</think> before you answer." },
  { name: "a closing think tag in the middle", text: "The tag </think> ends the block." },
  { name: "functions in prose", text: "functions.bash:0 is an id, functions.py:1 a line; functions.read is a name." },
  { name: "harmony in prose", text: "A header is <|channel|>final<|message|> and then the answer." },
  { name: "a sentence that begins with analysis", text: "analysis of the assistantfinal problem" },
  { name: "cut by the length limit", text: `I look.\n${hermes}`, finish: "length" },
  {
    name: "cut in a value",
    text: "<tool_call>\n<function=write>\n<parameter=path>\na\n</parameter>\n<parameter=content>\nhalf of",
    finish: "length",
  },
  {
    name: "a value without an end",
    text: "<tool_call>\n<function=write>\n<parameter=path>\na\n</parameter>\n<parameter=content>\nhalf of",
  },
  { name: "JSON without an end", text: '<tool_call>\n{"name": "write", "arguments": {"path": "a", "content": "half' },
  { name: "GLM without an end", text: "<tool_call>bash\n<arg_key>command</arg_key>\n<arg_value>rm -rf /tmp/x" },
  { name: "a required key missing", text: '<tool_call>{"name": "write", "arguments": {"path": "a"}}</tool_call>' },
  {
    name: "a nested parameter",
    text: '<invoke name="bash"><parameter name="command"><parameter name="description">x</parameter></invoke>',
  },
  { name: "an invoke without the end of its value", text: '<invoke name="bash">\n<parameter name="command">ls\n</invoke>' },
  { name: "no tools offered", text: hermes, noTools: true },
  { name: "calls forbidden", text: hermes, request: { tool_choice: "none" } },
  {
    name: "the echo of a tool's result",
    text: `The file says:\n\n${hermes}`,
    request: { messages: [{ role: "tool", content: `notes\n${hermes}\nend` }] },
  },
  { name: "a call in reasoning, then an answer", reasoning: `I could call ${hermes}`, text: "No need." },
  { name: "a call in reasoning, then more reasoning", reasoning: `I could call ${hermes} but no.`, text: "" },
  {
    name: "a call inside a value of an unknown tool",
    text: `<tool_call>\n<function=unknown>\n<parameter=x>\n${hermes}\n</parameter>\n</function>\n</tool_call>`,
  },
  { name: "raw thinking that was asked for", text: "<think>plan</think>Hello", request: { reasoning_format: "none" } },
  { name: "angle brackets", text: "a < b && c > d; see <parameter=x>, <t>, </function>, <|x|>, <｜" },
  { name: "a diff", text: "--- a\n+++ b\n-<tool_call>\n+<tool_calls>\n" },
  { name: "an indented example", text: `Like so:\n\n    ${hermes.replaceAll("\n", "\n    ")}` },
];
