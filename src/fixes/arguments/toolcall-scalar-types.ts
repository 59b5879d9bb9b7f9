import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Place, Verdict } from "./rule.ts";
import { decodeString, endOfString, skipSpace } from "./scan.ts";
import { allows } from "./schema.ts";

/** Longer strings are no scalars. */
const MAX_SCALAR = 64;
const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$/;

export const toolcallScalarTypes = defineArgumentFix({
  name: "toolcall_scalar_types",
  summary: "Numbers, booleans and null that come as strings, and the reverse, take the declared type",
  defaultMode: "fix",
  holds: "a short token",
  example: { before: '{"timeout":"180000","port":8080}', after: '{"timeout":180000,"port":"8080"}' },
  source: "opencode bash timeout, DashScope max_output_tokens, MCP pullRequestId",
  options: z.strictObject({}),
  rule: () => ({ value: (place) => (place.text[0] === '"' ? fromString(place) : literalToString(place)) }),
});

function fromString({ text, shape, ended }: Place): Verdict {
  if (allows(shape, "string")) return undefined;
  const end = endOfString(text, 0);
  if (end === -1) return text.length > MAX_SCALAR || ended ? undefined : "wait";
  if (end > MAX_SCALAR) return undefined;
  const word = (decodeString(text.slice(0, end)) ?? "").trim();
  const lower = word.toLowerCase();
  if (allows(shape, "number") && NUMBER.test(word) && (!shape.integer || Number.isInteger(Number(word)))) return { take: end, put: word };
  if (allows(shape, "boolean") && (lower === "true" || lower === "false")) return { take: end, put: lower };
  if (allows(shape, "null") && (lower === "null" || lower === "none")) return { take: end, put: "null" };
  return undefined;
}

/** The literal's own spelling between quotes. `null` stays: it says that there is no string. */
function literalToString({ text, shape, ended }: Place): Verdict {
  if (!allows(shape, "string")) return undefined;
  const [word = ""] = /^[-+.\w]{0,65}/.exec(text) ?? [];
  if (word.length > MAX_SCALAR) return undefined;
  if (word.length === text.length && !ended) return "wait";
  if (!NUMBER.test(word) && word !== "true" && word !== "false") return undefined;
  const next = text[skipSpace(text, word.length)];
  if (next === undefined && !ended) return "wait";
  if (next !== undefined && !",}]".includes(next)) return undefined;
  return { take: word.length, put: `"${word}"` };
}
