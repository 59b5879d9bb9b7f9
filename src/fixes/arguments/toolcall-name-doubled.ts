import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { CallTool } from "./rule.ts";

export const toolcallNameDoubled = defineArgumentFix({
  name: "toolcall_name_doubled",
  summary: "A tool's name that was accumulated several times over is halved",
  defaultMode: "fix",
  holds: "the first tool delta",
  example: { before: "terminalterminal", after: "terminal" },
  source: "ollama: Unknown tool terminalterminal",
  options: z.strictObject({}),
  rule: () => ({ name }),
});

function name(given: string, tools: readonly CallTool[]): string | undefined {
  return tools.find(
    (tool) => given.length > tool.name.length && tool.name !== "" && tool.name.repeat(given.length / tool.name.length) === given,
  )?.name;
}
