import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Place } from "./rule.ts";
import { allows, ANY } from "./schema.ts";
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
 * No well-formed continuation of `seen` begins with `seen`: inside a string its first key would
 * stand behind a closing quote. Only where an object may begin is it one; there the schema tells.
 */
function piece(seen: string, text: string, place: Place): string {
  if (seen === "" || seen.charCodeAt(0) !== 123 || !text.startsWith(seen)) return text;
  // A brace and a brace may be many things; only with a key behind it is it a resend.
  if (!/^\{\s*"\w/.test(seen === "{" ? text : seen) && seen !== "{}") return text;
  const { state, shape, container } = place;
  if (state === "value" && allows(shape, "object")) return text;
  if (state === "item" && allows(container?.shape.item(container.count) ?? ANY, "object")) return text;
  return text.slice(seen.length);
}
