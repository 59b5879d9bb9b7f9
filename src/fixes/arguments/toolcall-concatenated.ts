import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Hook, Place } from "./rule.ts";
import { endOfContainer, skipSpace } from "./scan.ts";

export const toolcallConcatenated = defineArgumentFix({
  name: "toolcall_concatenated",
  summary: "Several objects in one call's arguments become several calls, or one when they are the same",
  defaultMode: "fix",
  holds: "one member",
  example: { before: '{"query":"a"}{"query":"b"}', after: '{"query":"a"} and a second call with {"query":"b"}' },
  source: "BerriAI/litellm#40582, ollama qwen3:8b, gemini-3.1-pro",
  options: z.strictObject({}),
  rule: () => ({ tail, hollow }),
});

const tail: Hook = (place) => {
  const { text, ended } = place;
  let from = skipSpace(text);
  while (text[from] === "," || text[from] === ";") from = skipSpace(text, from + 1);
  if (text[from] === undefined) return ended ? undefined : "wait";
  if (text[from] !== "{") return undefined;
  const end = endOfContainer(text, from);
  if (end === -1) return ended ? { refuse: "a further object is not complete" } : "wait";
  const object = text.slice(from, end);
  if (/^\{\s*\}$/.test(object)) return { take: end, put: "", rule: "empty_object" };
  const next = place.mend(object, place.tool.shape);
  if (next === undefined) return undefined;
  if (isSame(place, next)) return { take: end, put: "", rule: "same_object" };
  return { take: end, split: next, rule: "further_call" };
};

function isSame({ sent }: Place, next: string): boolean {
  try {
    return sent !== undefined && JSON.stringify(JSON.parse(sent)) === JSON.stringify(JSON.parse(next));
  } catch {
    return false;
  }
}

/** `{}{"a":1}`: the empty object was a false start. Its closer waits, where the tool takes arguments at all. */
const hollow: Hook = ({ text, tool, closed }) => {
  if (tool.shape.keys.length === 0) return undefined;
  const brace = skipSpace(text);
  const next = skipSpace(text, brace + 1);
  if (text[next] === undefined) return closed ? undefined : "wait";
  return text[next] === "{" ? { take: next + 1, put: "", rule: "empty_object" } : undefined;
};
