import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Hook } from "./rule.ts";
import { decodeKey, endOfString, skipSpace } from "./scan.ts";

/**
 * The case the product was born from. Qwen3-Coder writes a parameter twice; llama-server's streaming
 * diff cannot say the same key twice and leaves the second without its colon. Newer builds send
 * optional parameters twice as well-formed JSON.
 */
export const toolcallBadFilepath = defineArgumentFix({
  name: "toolcall_bad_filepath",
  summary: "A key that comes a second time, with or without its colon, is dropped: the first value wins",
  defaultMode: "fix",
  holds: "a separator and a key",
  example: {
    before: '{"content":"x","filePath":"/a/b.pl","filePath"/x/y.pl"}',
    after: '{"content":"x","filePath":"/a/b.pl"}',
  },
  source: "anomalyco/opencode#6918, ggml-org/llama.cpp#19753, recording tool-duplicate-optional-param-stream",
  options: z.strictObject({}),
  rule: () => ({ key: repeatedKey, member: repeatedKeyWithoutColon }),
});

const repeatedKey: Hook = ({ container, key }) => (container?.seen.has(key) ? { drop: "duplicate_key" } : undefined);

const repeatedKeyWithoutColon: Hook = ({ text, container, ended }) => {
  const comma = skipSpace(text);
  if (text[comma] !== "," || container?.kind !== "object") return undefined;
  const from = skipSpace(text, comma + 1);
  if (text[from] !== '"') return undefined;
  const end = endOfString(text, from);
  if (end === -1) return "wait";
  if (!container.seen.has(decodeKey(text.slice(from + 1, end - 1)))) return undefined;
  const value = skipSpace(text, end);
  if (value === text.length) return "wait";
  const over = endOfMember(text, value);
  if (over !== -1) return { take: over, put: "", rule: "duplicate_key_without_colon" };
  if (!ended) return "wait";
  // No closing quote either: the value ends where the object does.
  const brace = text.lastIndexOf("}");
  return brace === -1 ? undefined : { take: brace, put: "", rule: "duplicate_key_without_colon" };
};

/** A number or word that is a whole value: something must follow it that a value ends with. */
const LITERAL = /^(?:-?[0-9][-+.0-9eE]*|true|false|null)(?=\s*[,}])/;

/** Behind the value of a member that lost its colon, and mostly its opening quote; -1: not here yet. */
function endOfMember(text: string, from: number): number {
  if (text[from] === "," || text[from] === "}") return from;
  const literal = LITERAL.exec(text.slice(from, from + 64))?.[0];
  if (literal !== undefined) return from + literal.length;
  let at = from;
  if (text[at] === '"') at += 1;
  for (; at < text.length; at++) {
    const c = text[at];
    if (c === "\\") at += 1;
    else if (c === '"') {
      const next = text[skipSpace(text, at + 1)];
      if (next === "," || next === "}") return at + 1;
    }
  }
  return -1;
}
