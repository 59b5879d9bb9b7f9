import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { CallTool } from "./rule.ts";

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

function name(given: string, tools: readonly CallTool[]): string | undefined {
  const same = tools.filter((tool) => bare(tool.name) === bare(given));
  return same.length === 1 ? same[0]?.name : undefined;
}

function bare(word: string): string {
  return word.toLowerCase().replace(/[\s_.-]/g, "");
}
