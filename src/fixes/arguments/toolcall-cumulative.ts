import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
export const toolcallCumulative = defineArgumentFix({
  name: "toolcall_cumulative",
  summary: "Deltas that repeat all arguments so far are cut down to what is new",
  defaultMode: "fix",
  holds: "nothing",
  example: { before: '{"a" then {"a":1}', after: '{"a" then :1}' },
  source: "opencodex composer-2.5, vercel/ai#15888",
  options: z.strictObject({}),
  rule: () => ({ piece }),
});

/**
 * No well-formed continuation of `seen` begins with `seen`: it begins with a brace, and holds a
 * quote as soon as it could stand inside a string.
 */
function piece(seen: string, text: string): string {
  if (seen === "" || seen.charCodeAt(0) !== 123 || !text.startsWith(seen)) return text;
  // `{` then `{}":`: a garbled first key. `{` then `{`: a doubled brace.
  if (seen === "{" && (text[1] === "}" || text.length === 1)) return text;
  return text.slice(seen.length);
}
