import type { ToolOpen } from "../../core/delta.ts";
import { snippet } from "../fix.ts";
import type { Tools } from "./call.ts";

/** Rules that one name may need after one another: `functions.Read<|channel|>`. */
const MAX_ROUNDS = 4;

/** The offered tool a call means: its own name where that is offered, or where the rules find none. */
export function mendName(open: ToolOpen, tools: Tools): string {
  const offered = new Set(tools.offered.map((tool) => tool.name));
  if (offered.size === 0 || open.name === "" || offered.has(open.name)) return open.name;
  const rules = tools.rules.all.filter((entry) => entry.rule.name && !entry.broken);
  const used: typeof rules = [];
  const where = { choice: open.choice, tool: open.tool, target: "tool_call.name" } as const;
  let name = open.name;
  for (let round = 0; round < MAX_ROUNDS && !offered.has(name); round++) {
    for (const entry of rules) {
      const better = entry.rule.name?.(name, tools.offered);
      if (better === undefined || better === name || better === "") continue;
      name = better;
      if (!used.includes(entry)) used.push(entry);
      if (offered.has(name)) break;
    }
  }
  if (!offered.has(name)) {
    rules
      .at(-1)
      ?.note({ ...where, action: "refused", toolName: open.name, reason: "the request offers no such tool", before: snippet(open.name) });
    return open.name;
  }
  for (const entry of used) {
    entry.note({ ...where, action: "fixed", toolName: name, before: snippet(open.name), after: snippet(name) });
  }
  return name;
}
