import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Hook } from "./rule.ts";

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f" };

export const toolcallRawControl = defineArgumentFix({
  name: "toolcall_raw_control",
  summary: "Line breaks, tabs and other control characters that stand raw inside a string are escaped",
  defaultMode: "fix",
  holds: "nothing",
  example: { before: '{"command":"git commit -m \'a\n\nb\'"}', after: '{"command":"git commit -m \'a\\n\\nb\'"}' },
  source: "MoonshotAI/kimi-cli: literal newlines in Shell commands",
  options: z.strictObject({}),
  rule: () => ({ control }),
});

const control: Hook = ({ text }) => {
  const c = text.charAt(0);
  return { take: 1, put: SHORT[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}` };
};
