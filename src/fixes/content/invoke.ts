import { z } from "zod";
import { defineContentFix } from "../fix.ts";
import type { MarkupStyle } from "./markup-head.ts";
import { headOfMarkup, readMarkup } from "./markup.ts";

/** Values are never closed by guess: a lazy reading of a nested parameter makes a wrong call. */
const STYLE: MarkupStyle = { callTag: "invoke", implied: false };

export const invoke = defineContentFix({
  name: "content_invoke",
  summary: "MiniMax and Anthropic style <invoke name=…> left in the text becomes tool calls",
  defaultMode: "fix",
  holds: "a markup block",
  example: {
    before: '<minimax:tool_call>\n<invoke name="search">\n<parameter name="query">weather</parameter>\n</invoke>\n</minimax:tool_call>',
    after: 'tool call search {"query": "weather"}',
  },
  source: "opencode#6883, opencompany#2093, Zoo-Code#1188",
  options: z.strictObject({}),
  rule: () => ({
    kind: "call",
    markers: ["<invoke ", "<minimax:tool_call>", "<function_calls>", "<tool_calls>", "<tool_call>"],
    openings: [],
    needsTools: true,
    stable: false,
    head: (text, offer) => headOfMarkup(text, offer, STYLE),
    read: (text, at, offer) => readMarkup(text, at, offer, STYLE),
  }),
});
