import { z } from "zod";
import { defineContentFix } from "../fix.ts";

/** The families above, in reasoning: only where the call is the last thing said at all. */
export const reasoningCalls = defineContentFix({
  name: "reasoning_tool_calls",
  summary: "A call at the very end of the reasoning, with no content and no other call behind it, becomes a tool call",
  defaultMode: "fix",
  holds: "a markup block",
  example: {
    before: "reasoning: I should look.\n<tool_call>ls<arg_key>path</arg_key><arg_value>.</arg_value></tool_call>",
    after: 'reasoning: I should look. + tool call ls {"path": "."}',
  },
  source: "llxprt-code#749, opencode#6883, lmstudio-bug-tracker#2045",
  options: z.strictObject({}),
  rule: () => ({ kind: "reasoning" }),
});
