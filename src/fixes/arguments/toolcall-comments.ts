import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Hook } from "./rule.ts";
import { skipSpace } from "./scan.ts";

export const toolcallComments = defineArgumentFix({
  name: "toolcall_comments",
  summary: "Comments between the members are dropped",
  defaultMode: "fix",
  holds: "a short token",
  example: { before: '{/* note */ "key": 1 // why\n}', after: '{ "key": 1 \n}' },
  source: "ikawrakow/ik_llama.cpp Kimi-K2 tests",
  options: z.strictObject({}),
  rule: () => ({ start: comment, member: comment, value: comment, after: comment }),
});

const comment: Hook = ({ text, state, ended }) => {
  const comma = skipSpace(text);
  const at = (state === "member" || state === "item") && text[comma] === "," ? skipSpace(text, comma + 1) : comma;
  const c = text[at];
  if (c !== "/" && c !== "#") return undefined;
  const next = c === "#" ? "/" : text[at + 1];
  if (next === undefined) return "wait";
  if (next !== "/" && next !== "*") return undefined;
  const end = next === "/" ? text.indexOf("\n", at) : text.indexOf("*/", at + 2);
  if (end !== -1) return { take: next === "/" ? end : end + 2, put: text.slice(0, at) };
  if (!ended) return "wait";
  // No line break behind it: the closers at the very end are not part of it.
  return next === "/" ? { take: text.length - closers(text), put: text.slice(0, at) } : undefined;
};

function closers(text: string): number {
  let from = text.length;
  while (from > 0 && "}] \n\r\t".includes(text[from - 1] ?? "-")) from -= 1;
  return text.length - from;
}
