/** Why a prompt no longer begins as the one before it, by the place where they part. */
import type { PromptDifference } from "../prompt-diff.ts";
import type { PromptPart } from "../prompt.ts";
import type { Finding } from "./finding.ts";

/** Undefined: the earlier prompt is a beginning of this one, or the same. */
export function promptCause(
  before: readonly PromptPart[],
  now: readonly PromptPart[],
  difference: PromptDifference | undefined,
): Finding | undefined {
  if (!difference || difference.change === "extended") return undefined;
  const part = difference.second ?? difference.first;
  const where = `${part?.name ?? "the prompt"}, character ${difference.at}`;
  if (difference.volatile === "attribution") {
    return {
      code: "attribution-line",
      text: `the attribution line in ${where} is another one in every request`,
      cure: "switch the fix strip_attribution_line on, or set CLAUDE_CODE_ATTRIBUTION_HEADER=0 for Claude Code",
    };
  }
  const kinds = new Set([difference.first?.kind, difference.second?.kind]);
  if (kinds.has("tool")) return toolCause(before, now, where);
  if (difference.volatile === "date-time") {
    return {
      code: "date-time",
      text: `a date or time in ${where} changed`,
      cure: "let the client put the time behind the conversation, into the last message, or leave out what changes every minute",
    };
  }
  if (difference.volatile === "id") {
    return {
      code: "changing-id",
      text: `an id in ${where} changed`,
      cure: "keep ids that are new for every request or session out of the prompt, or put them at its end",
    };
  }
  if (part?.kind === "setting") {
    return {
      code: "template-setting",
      text: `${part.name} changed, and with it what the chat template writes`,
      cure: "keep it the same for the whole conversation",
    };
  }
  if (part?.kind === "system") {
    return {
      code: "system-changed",
      text: `the system text changed in ${where}`,
      cure: "keep what changes (files, state, reminders) out of the system text: put it into the last message",
    };
  }
  return historyCause(before, now, difference, where);
}

function toolCause(before: readonly PromptPart[], now: readonly PromptPart[], where: string): Finding {
  const [a, b] = [toolsIn(before), toolsIn(now)];
  if (a.texts.join("\n") === b.texts.join("\n")) {
    return {
      code: "tools-reordered",
      text: `the same tools came in another order, from ${where} on`,
      cure: "let the client list its tools in a fixed order (sorted by name)",
    };
  }
  const added = b.names.filter((name) => !a.names.includes(name));
  const removed = a.names.filter((name) => !b.names.includes(name));
  if (added.length === 0 && removed.length === 0) {
    return {
      code: "tool-changed",
      text: `a tool's description or schema changed in ${where}`,
      cure: "keep what changes out of tool descriptions",
    };
  }
  const what = [
    ...(added.length > 0 ? [`${added.join(", ")} added`] : []),
    ...(removed.length > 0 ? [`${removed.join(", ")} removed`] : []),
  ].join("; ");
  return {
    code: "tools-changed",
    text: `the list of tools changed in ${where}: ${what}`,
    cure: "offer the same tools for the whole conversation, or add new ones at the end of the list",
  };
}

/** Texts in no order, so that an order does not count. */
function toolsIn(parts: readonly PromptPart[]): { readonly names: readonly string[]; readonly texts: readonly string[] } {
  const tools = parts.filter((part) => part.kind === "tool");
  return { names: tools.map((tool) => tool.role), texts: tools.map((tool) => tool.text).sort() };
}

function historyCause(before: readonly PromptPart[], now: readonly PromptPart[], difference: PromptDifference, where: string): Finding {
  const { part, change } = difference;
  // Something later in the old prompt stands here now: what lay between was dropped.
  const next = now[part];
  const found = next === undefined ? -1 : before.findIndex((old, i) => i > part && old.text === next.text && old.role === next.role);
  const shorter = now.length < before.length;
  if (change === "shortened" || found > part || shorter) {
    const dropped = found > part ? found - part : before.length - now.length;
    return {
      code: "history-trimmed",
      text: `the client dropped or summed up ${dropped > 0 ? `${dropped} ` : ""}messages of the history, from ${where} on`,
      cure: "expected when a client compacts; a larger context (llama-server -c) makes it do so less often",
    };
  }
  return {
    code: "history-edited",
    text: `a message of the history was changed: ${where}`,
    cure: "let the client only append to its history (no pruning of old tool results, no rewritten reminders)",
  };
}
