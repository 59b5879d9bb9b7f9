import type { ToolOpen } from "../../core/delta.ts";
import type { Tools } from "./call.ts";

/** The offered tool a call means: its own name where that is offered, or where no rule finds another. */
export function mendName(open: ToolOpen, tools: Tools): string {
  if (
    tools.offered.length === 0 ||
    open.name === "" ||
    (tools.find(open.name) !== undefined && tools.offered.some((tool) => tool.name === open.name))
  )
    return open.name;
  return open.name;
}
