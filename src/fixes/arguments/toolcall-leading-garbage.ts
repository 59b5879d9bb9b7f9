import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Hook } from "./rule.ts";
import { skipSpace } from "./scan.ts";

/** More than this before the first brace is not a header that leaked. */
const MAX_HEADER = 128;

export const toolcallLeadingGarbage = defineArgumentFix({
  name: "toolcall_leading_garbage",
  summary: "What stands before the arguments (fences, [ARGS], harmony headers, a doubled brace) is dropped",
  defaultMode: "fix",
  holds: "a marker prefix",
  example: { before: '[ARGS]{"query":"x"}', after: '{"query":"x"}' },
  source: "MiniMax-M2.7 (fence), rapid-mlx Devstral ([ARGS]), LM Studio gpt-oss (harmony header)",
  options: z.strictObject({}),
  rule: () => ({ start, member }),
});

const start: Hook = ({ text, tool }) => {
  const brace = text.indexOf("{");
  if (brace > MAX_HEADER || (brace === -1 && text.length > MAX_HEADER)) return undefined;
  const header = (brace === -1 ? text : text.slice(0, brace)).trim();
  // A quote belongs to a key, a value or an encoded text; a tag that names a parameter to markup.
  if (header !== '"' && /["']|<(?:parameter|arg_key)/.test(header)) return undefined;
  // A list that is open.
  if (/\[[^\]]*$/.test(header)) return brace === -1 ? "wait" : undefined;
  if (brace === -1) return "wait";
  const word = /^[[(]?\s*([\w$-]+)\s*:$/.exec(header)?.[1];
  if (word !== undefined && tool.shape.keys.includes(word)) return undefined;
  const first = text[skipSpace(text, brace + 1)];
  if (first === undefined) return "wait";
  return "\"}'\\{".includes(first) || /[A-Za-z_]/.test(first) ? { take: brace, put: "" } : undefined;
};

/** `{{"a":1}`. */
const member: Hook = ({ text, stack, container }) => {
  const at = skipSpace(text);
  if (stack.length !== 1 || container?.count !== 0 || text[at] !== "{") return undefined;
  const first = text[skipSpace(text, at + 1)];
  if (first === undefined) return "wait";
  return first === '"' || first === "'" ? { take: at + 1, put: "", rule: "doubled_brace" } : undefined;
};
