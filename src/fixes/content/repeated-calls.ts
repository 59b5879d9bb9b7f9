import { z } from "zod";
import { defineContentFix } from "../fix.ts";

/** A model in a loop writes one call dozens of times; a client that wants one call at a time gets one. */
export const repeatedCalls = defineContentFix({
  name: "content_repeated_calls",
  summary: "Identical calls in a row found in the text become one, where the request sets parallel_tool_calls to false",
  defaultMode: "fix",
  holds: "nothing",
  example: { before: "the same <tool_call> five times", after: "one tool call" },
  source: "mlx-lm#1027",
  options: z.strictObject({}),
  rule: () => ({ kind: "repeat" }),
});
