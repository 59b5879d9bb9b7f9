import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import { SEPARATOR } from "./offered.ts";
import type { OfferedTools } from "./rule.ts";
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

/** A name in more pieces than this is none. */
const MAX_PARTS = 16;

function name(given: string, tools: OfferedTools): string | undefined {
  const parts = given.split(SEPARATOR, MAX_PARTS + 1).filter((part) => part !== "" && !/^[0-9]+$/.test(part));
  if (parts.length > MAX_PARTS) return undefined;
  if (parts.length > 1) {
    // The last part that is a tool; a part behind it must be one of its parameters.
    for (let at = parts.length - 1; at >= 0; at--) {
      const [tool] = tools.alike(parts[at] ?? "");
      if (tool && parts.slice(at + 1).every((part) => declares(tool.shape, part))) return tool.name;
    }
    // A tool whose own name holds separators.
    for (const { index } of given.matchAll(/__|[.:/]/g)) {
      const meant = tools.alike(given.slice(index).replace(/[:.#][0-9]+$/, ""));
      if (meant.length === 1) return meant[0]?.name;
    }
  }
  const numbered = given.replace(/[:.#][0-9]+$/, "");
  if (numbered !== given) return numbered;
  // The name without the namespace it is offered in.
  const inside = tools.within(given);
  return inside.length === 1 ? inside[0]?.name : undefined;
}
