import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Hook } from "./rule.ts";
import { endOfString, skipSpace } from "./scan.ts";

export const toolcallTrailingComma = defineArgumentFix({
  name: "toolcall_trailing_comma",
  summary: "Commas before a closer, doubled or leading ones are dropped; a missing one between members is put in",
  defaultMode: "fix",
  holds: "a separator and a key",
  example: { before: '{"tags":["a","b",],}', after: '{"tags":["a","b"]}' },
  source: "cline parse tests, ollama 0.11.6 gpt-oss (missing comma between items)",
  options: z.strictObject({}),
  rule: () => ({ member: extra, after: missing }),
});

const extra: Hook = ({ text, container, ended }) => {
  const comma = skipSpace(text);
  if (text[comma] !== ",") return undefined;
  if (container?.count === 0) return { take: comma + 1, put: "", rule: "leading_comma" };
  const next = text[skipSpace(text, comma + 1)];
  if (next === undefined) return ended ? undefined : "wait";
  return "}],".includes(next) ? { take: comma + 1, put: "", rule: "extra_comma" } : undefined;
};

const missing: Hook = ({ text, container }) => {
  const c = text[0] ?? "";
  if (container?.kind === "array") return '{["-0123456789'.includes(c) ? { take: 0, put: ",", rule: "missing_comma" } : undefined;
  if (c !== '"') return undefined;
  const end = endOfString(text, 0);
  if (end === -1) return "wait";
  const colon = text[skipSpace(text, end)];
  if (colon === undefined) return "wait";
  return colon === ":" ? { take: 0, put: ",", rule: "missing_comma" } : undefined;
};
