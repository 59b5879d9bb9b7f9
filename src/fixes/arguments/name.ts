import type { ToolOpen } from "../../core/delta.ts";
import { snippet } from "../fix.ts";
import type { Offered } from "./offered.ts";
import type { ActiveRule, RuleSet } from "./ruleset.ts";

/** Rules that one name may need after one another: `functions.Read<|channel|>`. */
const MAX_ROUNDS = 4;

/** The offered tool a call means: its own name where that is offered, or where the rules find none. */
export function mendName(open: ToolOpen, offered: Offered, rules: RuleSet): string {
  if (offered.none || open.name === "" || offered.named(open.name)) return open.name;
  const asked = rules.tables.names.filter((entry) => rules.works(entry));
  const used: ActiveRule[] = [];
  const where = { choice: open.choice, tool: open.tool, target: "tool_call.name" } as const;
  let name = open.name;
  for (let round = 0; round < MAX_ROUNDS && !offered.named(name); round++) {
    const before = name;
    for (const entry of asked) {
      const better = entry.rule.name?.(name, offered);
      if (better === undefined || better === name || better === "") continue;
      name = better;
      if (!used.includes(entry)) used.push(entry);
      if (offered.named(name)) break;
    }
    if (name === before) break;
  }
  const before = snippet(open.name);
  if (!offered.named(name)) {
    const last = asked.at(-1);
    const reason = "the request offers no such tool";
    if (last) rules.note(last, { ...where, action: "refused", toolName: open.name, reason, before });
    return open.name;
  }
  for (const entry of used) rules.note(entry, { ...where, action: "fixed", toolName: name, before, after: snippet(name) });
  return name;
}
