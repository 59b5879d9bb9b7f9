import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { OfferedTools } from "./rule.ts";

export const toolcallNameCase = defineArgumentFix({
  name: "toolcall_name_case",
  summary: "A tool's name in other case or with other separators is spelled as offered when just one can be meant",
  defaultMode: "fix",
  holds: "the first tool delta",
  example: { before: "Read", after: "read" },
  source: "anomalyco/opencode repairToolCall",
  options: z.strictObject({}),
  rule: () => ({ name }),
});

function name(given: string, tools: OfferedTools): string | undefined {
  const same = tools.alike(given);
  return same.length === 1 ? same[0]?.name : undefined;
}
