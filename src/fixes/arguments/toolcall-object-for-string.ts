import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Hook } from "./rule.ts";
import { endOfContainer } from "./scan.ts";
import { allows } from "./schema.ts";

/** The text as the model wrote it, spaces and all: a file's content is not ours to format. */
export const toolcallObjectForString = defineArgumentFix({
  name: "toolcall_object_for_string",
  summary: "An object or array where the schema declares a string becomes the string of its source text",
  defaultMode: "fix",
  holds: "one member",
  example: { before: '{"content":{"a": 1}}', after: '{"content":"{\\"a\\": 1}"}' },
  source: "oMLX 0.5.8 Write, opencode (excalidraw, package.json edits)",
  options: z.strictObject({}),
  rule: () => ({ value }),
});

const value: Hook = ({ text, shape, ended }) => {
  const c = text[0];
  if ((c !== "{" && c !== "[") || !allows(shape, "string") || shape.strings || allows(shape, c === "{" ? "object" : "array"))
    return undefined;
  const end = endOfContainer(text, 0);
  if (end === -1) return ended ? { refuse: "the object is not complete" } : "wait";
  return { take: end, put: JSON.stringify(text.slice(0, end)) };
};
