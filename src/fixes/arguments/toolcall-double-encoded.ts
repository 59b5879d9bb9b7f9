import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Hook } from "./rule.ts";
import { decodeString, endOfString, skipSpace } from "./scan.ts";
import { ANY } from "./schema.ts";

export const toolcallDoubleEncoded = defineArgumentFix({
  name: "toolcall_double_encoded",
  summary: "Arguments that are a JSON string of JSON, or escaped without their quotes, are decoded",
  defaultMode: "fix",
  holds: "one member",
  example: { before: '"{\\"city\\":\\"Prague\\"}"', after: '{"city":"Prague"}' },
  source: "vLLM hermes parser (Granite 4), vLLM Qwen3-Coder with speculative decoding, ik_llama.cpp",
  options: z.strictObject({}),
  rule: () => ({ start, member }),
});

const start: Hook = (place) => {
  const { text, ended, closed } = place;
  const from = skipSpace(text);
  if (text[from] !== '"') return undefined;
  const end = endOfString(text, from);
  if (end === -1) return ended ? undefined : "wait";
  const next = text[skipSpace(text, end)];
  // A colon would make it a key.
  if (next === undefined && !closed && !ended) return "wait";
  if (next === ":") return undefined;
  const string = text.slice(from, end);
  const decoded = decodeString(string) ?? decodeString(place.mend(string, ANY) ?? "");
  const inner = decoded?.trim();
  return inner !== undefined && (inner.startsWith("{") || inner.startsWith('"{')) ? { take: end, put: inner } : undefined;
};

/** `{\"city\": \"Prague\"}`: escaped once, the outer quotes lost. */
const member: Hook = ({ text, stack, container, ended }) => {
  const at = skipSpace(text);
  if (stack.length !== 1 || container?.count !== 0 || text[at] !== "\\") return undefined;
  if (text.length < at + 2) return "wait";
  if (text[at + 1] !== '"' && text[at + 1] !== "n") return undefined;
  if (!ended) return "wait";
  const body = text.trimEnd().replace(/"$/, "");
  const decoded = decodeString(`"${body}"`);
  return decoded?.trimStart().startsWith('"') ? { take: text.length, put: decoded, rule: "escaped_without_quotes" } : undefined;
};
