import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Hook } from "./rule.ts";
import { decodeString, endOfContainer, endOfString, skipSpace } from "./scan.ts";
import { allows, ANY } from "./schema.ts";

export const toolcallStringifiedContainer = defineArgumentFix({
  name: "toolcall_stringified_container",
  summary: "An array or object that comes as a string of JSON, where the schema declares the container, is decoded",
  defaultMode: "fix",
  holds: "one member",
  example: { before: '{"tags":"[\\"a\\"]"}', after: '{"tags":["a"]}' },
  source: "copilot todowrite, vLLM 0.23 ($ref), Claude Code + MiniMax-M2.5, cline 13665",
  options: z.strictObject({}),
  rule: () => ({ value }),
});

const value: Hook = (place) => {
  const { text, shape, ended } = place;
  if (text[0] !== '"' || allows(shape, "string") || !(allows(shape, "object") || allows(shape, "array"))) return undefined;
  const end = endOfString(text, 0);
  if (end === -1) return ended ? undefined : "wait";
  const next = text[skipSpace(text, end)];
  if (next === undefined && !ended && !place.closed) return "wait";
  if (next !== undefined && !",}]".includes(next)) return unescaped(place);
  const string = text.slice(0, end);
  const decoded = (decodeString(string) ?? decodeString(place.mend(string, ANY) ?? "") ?? "").trim();
  if (decoded[0] !== "[" && decoded[0] !== "{") return undefined;
  const mended = place.mend(decoded, shape);
  return mended === undefined ? undefined : { take: end, put: mended };
};

/** `"[{"a": 1}]"`: quotes around a container that is not escaped. */
const unescaped: Hook = (place) => {
  const { text, shape, ended } = place;
  const open = skipSpace(text, 1);
  if (text[open] !== "[" && text[open] !== "{") return undefined;
  const end = endOfContainer(text, open);
  if (end === -1 || text[skipSpace(text, end)] === undefined) return ended ? undefined : "wait";
  const close = skipSpace(text, end);
  if (text[close] !== '"') return undefined;
  const mended = place.mend(text.slice(open, end), shape);
  return mended === undefined ? undefined : { take: close + 1, put: mended, rule: "not_escaped" };
};
