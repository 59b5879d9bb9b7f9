import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Hook } from "./rule.ts";
import { membersAhead, skipSpace } from "./scan.ts";

/** Only where nothing but the brace is lost: a required key that does not come either was lost with it. */
export const toolcallMissingOpenBrace = defineArgumentFix({
  name: "toolcall_missing_open_brace",
  summary: "Arguments whose opening brace was lost get it back when everything required is there",
  defaultMode: "fix",
  holds: "one member",
  example: { before: '"city":"Dallas"}', after: '{"city":"Dallas"}' },
  source: "vLLM qwen3_coder streaming lost the first brace",
  options: z.strictObject({}),
  rule: () => ({ start }),
});

const start: Hook = ({ text, tool, ended }) => {
  const at = skipSpace(text);
  const head = text.slice(at, at + 128);
  const key = /^"?([A-Za-z_$][\w$.-]*)["']?\s*:/.exec(head)?.[1] ?? /^'([^'\\]*)'\s*:/.exec(head)?.[1];
  if (key === undefined) return /^["']?[\w$.-]*["']?\s*$/.test(head) && head.length > 0 && head.length < 128 && !ended ? "wait" : undefined;
  if (tool.shape.keys.length > 0 ? !tool.shape.keys.includes(key) : head[0] !== '"') return undefined;
  const { keys } = membersAhead(text, text.indexOf(":", at));
  const come = new Set([key, ...keys]);
  if (tool.shape.required.every((each) => come.has(each))) return { take: at, put: `${text.slice(0, at)}{` };
  return ended ? { refuse: "a required key is missing along with the brace" } : "wait";
};
