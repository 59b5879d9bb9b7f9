import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Hook } from "./rule.ts";

export const toolcallTrailingGarbage = defineArgumentFix({
  name: "toolcall_trailing_garbage",
  summary: "Whatever stands behind the finished arguments (prose, tags, chat tokens, extra braces) is dropped",
  defaultMode: "fix",
  holds: "a markup block",
  example: { before: '{"query":"x"}</tool_call>', after: '{"query":"x"}' },
  source: "ollama Qwen 3.5 (reasoning behind the object), copilot (closing tags), OpenRouter",
  options: z.strictObject({}),
  rule: () => ({ tail, after }),
});

/** Decided at the end: a reply cut by its length passes as it is. */
const tail: Hook = ({ text, ended }) => {
  // A further object is not garbage: it is a call's, or nothing known.
  if (text[0] === "{") return undefined;
  return ended ? { take: text.length, put: "" } : "wait";
};

/** Closing tags in place of the closers: only when nothing else comes. */
const after: Hook = ({ text, ended }) => {
  if (text[0] !== "<" && text[0] !== "`") return undefined;
  if (!ended) return "wait";
  return /^(?:(?:<[^<>]*>|```)\s*)+$/.test(text) ? { take: text.length, put: "", rule: "closing_tags" } : undefined;
};
