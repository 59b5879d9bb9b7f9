import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Hook } from "./rule.ts";

const NOTHING = ["", "null", "none", "undefined", '""', "[]", '"null"', '"{}"', "{}"];

/** Never as a last resort: only where the tool is offered and requires nothing. */
export const toolcallEmptyArguments = defineArgumentFix({
  name: "toolcall_empty_arguments",
  summary: "Empty or null arguments of a tool that requires none become {}",
  defaultMode: "fix",
  holds: "a short token",
  example: { before: "null", after: "{}" },
  source: "OpenRouter GLM-5.2, MCP servers, ik_llama.cpp Kimi-K2",
  options: z.strictObject({}),
  rule: () => ({ start }),
});

const start: Hook = ({ text, tool, ended }) => {
  const word = text.trim().toLowerCase();
  if (!NOTHING.some((each) => each.startsWith(word))) return undefined;
  if (!ended) return "wait";
  if (!NOTHING.includes(word) || !tool.offered) return undefined;
  if (tool.shape.required.length > 0) return { refuse: "the tool requires arguments" };
  return { take: text.length, put: "{}" };
};
