import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { OfferedTools } from "./rule.ts";

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

/** Most often a name is said twice; more than this was never seen. */
const MAX_TIMES = 16;

function name(given: string, tools: OfferedTools): string | undefined {
  for (let times = 2; times <= MAX_TIMES; times++) {
    const once = given.slice(0, given.length / times);
    if (once !== "" && tools.named(once) && once.repeat(times) === given) return once;
  }
  return undefined;
}
