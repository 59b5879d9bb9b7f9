import { z } from "zod";
import { defineContentFix } from "../fix.ts";
import type { MarkupStyle } from "./markup-head.ts";
import { headOfMarkup, readMarkup } from "./markup.ts";

const STYLE: MarkupStyle = { callTag: "function", implied: true };

/** `<function=NAME><parameter=KEY>`, with or without `<tool_call>`, with closing tags missing. */
export const qwenXml = defineContentFix({
  name: "content_qwen_xml",
  summary: "Qwen XML left in the text (<function=NAME>, with or without <tool_call>, closing tags missing) becomes tool calls",
  defaultMode: "fix",
  holds: "a markup block",
  example: {
    before: "I'll look.\n\n<function=Glob>\n<parameter=pattern>\n*.md\n</parameter>\n</function>\n</tool_call>",
    after: 'I\'ll look. + tool call Glob {"pattern": "*.md"}',
  },
  source: "ollama#16686, ollama#17742, llama.cpp before b10227; recording july-tool-missing-open-tag",
  options: z.strictObject({}),
  rule: () => ({
    kind: "call",
    markers: ["<tool_call>", "<tool_calls>", "<tool_call name=", "<function=", "<function name", "<function>"],
    openings: [],
    needsTools: true,
    stable: false,
    head: (text, offer) => headOfMarkup(text, offer, STYLE),
    read: (text, at, offer) => readMarkup(text, at, offer, STYLE),
  }),
});
