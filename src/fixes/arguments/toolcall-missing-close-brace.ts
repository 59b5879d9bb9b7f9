import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Container, Hook } from "./rule.ts";

/** The reasons with which a model ends a call of its own accord. */
const DONE: ReadonlySet<string> = new Set(["stop", "tool_calls", "function_call", "end_turn", "tool_use", "completed"]);

/**
 * Closers are put in only where nothing else can be missing: the model ended the call itself, no
 * string, key or comma is open, every required key is there. Everything else is refused.
 */
export const toolcallMissingCloseBrace = defineArgumentFix({
  name: "toolcall_missing_close_brace",
  summary: "Closing braces and brackets that were lost are put in when nothing else can be missing",
  defaultMode: "fix",
  holds: "nothing",
  example: { before: '{"city":"Dallas","state":"TX"', after: '{"city":"Dallas","state":"TX"}' },
  source: "vLLM qwen3_coder with stream_interval > 1, OpenRouter",
  options: z.strictObject({}),
  rule: () => ({ end, after }),
});

const end: Hook = ({ state, stack, tool, ended, text }) => {
  if (ended?.reason === undefined || !DONE.has(ended.reason)) return undefined;
  if (state === "start") return undefined;
  if (state === "string") return { refuse: "the arguments end inside a string" };
  if (state === "value" || state === "colon") return { refuse: "the arguments end behind a colon" };
  if (text.trim() !== "") return { refuse: "the arguments end inside a member" };
  const empty = stack.length === 1 && stack[0]?.count === 0;
  if (state !== "after" && !empty) return { refuse: "the arguments end before a value" };
  if (!tool.known || (empty && tool.shape.keys.length > 0)) return { refuse: "what is missing cannot be known" };
  if (!stack.every(isWhole)) return { refuse: "a required key is missing" };
  return { take: 0, put: closers(stack) };
};

/** A closer of an outer container: the inner ones were lost. One of no container at all is dropped. */
const after: Hook = ({ text, stack }) => {
  const c = text[0];
  if (c !== "}" && c !== "]") return undefined;
  const wanted = c === "}" ? "object" : "array";
  const outer = stack.findLastIndex((open) => open.kind === wanted);
  if (outer === -1) return { take: 1, put: "", rule: "extra_closer" };
  const inner = stack.slice(outer + 1);
  return inner.every(isWhole) ? { take: 0, put: closers(inner), rule: "missing_closer" } : { refuse: "a required key is missing" };
};

function isWhole(open: Container): boolean {
  return open.kind === "array" || open.shape.required.every((key) => open.seen.has(key));
}

function closers(stack: readonly Container[]): string {
  return stack
    .map((open) => (open.kind === "object" ? "}" : "]"))
    .toReversed()
    .join("");
}
