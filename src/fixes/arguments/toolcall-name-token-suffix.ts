import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";

export const toolcallNameTokenSuffix = defineArgumentFix({
  name: "toolcall_name_token_suffix",
  summary: "Control tokens and arguments glued to a tool's name are cut off",
  defaultMode: "fix",
  holds: "the first tool delta",
  example: { before: "create_event<|channel|>analysis", after: "create_event" },
  source: "Ollama Turbo gpt-oss:20b, vLLM GLM (</arg_value>)",
  options: z.strictObject({}),
  rule: () => ({ name }),
});

function name(given: string): string | undefined {
  const end = given.search(/[<[({\s|"'`,;=]/);
  return end > 0 ? given.slice(0, end) : given.trim();
}
