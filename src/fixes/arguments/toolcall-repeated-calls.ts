import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
/** Only where the request itself said `parallel_tool_calls: false`. */
export const toolcallRepeatedCalls = defineArgumentFix({
  name: "toolcall_repeated_calls",
  summary: "A call that repeats an earlier one word for word is dropped when the request forbids parallel calls",
  defaultMode: "fix",
  holds: "one member",
  example: { before: 'bash {"command":"ls"} twice', after: 'bash {"command":"ls"} once' },
  source: "gemma duplicates (9, 43-64, 241 identical calls)",
  options: z.strictObject({}),
  rule: () => ({ repeats: true as const }),
});
