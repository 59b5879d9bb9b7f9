import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { CallTool } from "./rule.ts";
import { declares } from "./schema.ts";

export const toolcallNamePrefix = defineArgumentFix({
  name: "toolcall_name_prefix",
  summary: "Namespaces, call numbers and parameter names around a tool's name are removed (functions.x, x:0, x.filePath)",
  defaultMode: "fix",
  holds: "the first tool delta",
  example: { before: "functions.get_weather:0", after: "get_weather" },
  source: "ollama gpt-oss (functions.), Kimi-K2 ids (x:0), OpenCode Muse-Glimmer (read.filePath)",
  options: z.strictObject({}),
  rule: () => ({ name }),
});

function name(given: string, tools: readonly CallTool[]): string | undefined {
  const parts = given.split(/[.:/]|__/).filter((part) => part !== "" && !/^[0-9]+$/.test(part));
  if (parts.length > 1) {
    // The last part that is a tool; a part behind it must be one of its parameters.
    for (let at = parts.length - 1; at >= 0; at--) {
      const tool = tools.find((each) => bare(each.name) === bare(parts[at] ?? ""));
      if (tool && parts.slice(at + 1).every((part) => declares(tool.shape, part))) return tool.name;
    }
  }
  // A tool whose own name holds separators.
  for (const { index } of given.matchAll(/__|[.:/]/g)) {
    const rest = bare(given.slice(index).replace(/[:.#][0-9]+$/, ""));
    const meant = rest === "" ? [] : tools.filter((tool) => bare(tool.name) === rest);
    if (meant.length === 1) return meant[0]?.name;
  }
  const numbered = given.replace(/[:.#][0-9]+$/, "");
  if (numbered !== given) return numbered;
  // The name without the namespace it is offered in.
  const inside = tools.filter((tool) => tool.name !== given && tool.name.split(/__|[.:/]/).at(-1) === given);
  return inside.length === 1 ? inside[0]?.name : undefined;
}

function bare(word: string): string {
  return word.toLowerCase().replace(/[^a-z0-9]/g, "");
}
