import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Hook, OpenString, Place, Verdict } from "./rule.ts";
import { skipSpace } from "./scan.ts";

/** How far ahead a string is searched for a sign of what its backslashes mean. */
const MAX_AHEAD = 4096;
const ONE = '"\\/bfnrt';

/**
 * A backslash that begins no escape is meant literally. It also tells of its string: in `C:\Users\new`
 * the `\n` is no line break, and in the regular expression `\bfoo\s` the `\b` is no backspace. A string
 * in which every escape is valid stays as it is, whatever it looks like.
 */
export const toolcallInvalidEscapes = defineArgumentFix({
  name: "toolcall_invalid_escapes",
  summary: "Backslashes that begin no JSON escape are doubled; Windows paths stay paths",
  defaultMode: "fix",
  holds: "a short token",
  example: { before: '{"path":"C:\\Users\\new.txt"}', after: '{"path":"C:\\\\Users\\\\new.txt"}' },
  source: "openclaw#88918, ollama: gemma4 Windows paths, cline 13665",
  options: z.strictObject({}),
  rule: () => ({ escape, start: written, member: written, value: written, after: written, tail: written }),
});

const escape: Hook = (place) => {
  const { text, string } = place;
  const kind = kindOfEscape(text, 0);
  if (kind === "short") return "wait";
  const c = text[1] ?? "";
  if (kind === "invalid") {
    if (c === "'") return { take: 1, put: "", rule: "escaped_apostrophe" };
    string.escapes = string.escapes === "path" || isDrive(string) ? "path" : "literal";
    return literal(string);
  }
  if (c === "\\" || c === "/") return undefined;
  if (string.escapes === "path") return c === '"' ? closingQuote(text, place.ended !== undefined || place.closed) : literal(string);
  const suspect = (isDrive(string) && c !== '"') || c === "b" || c === "f";
  if (string.escapes === "plain" || !suspect) return undefined;
  if (string.escapes === "literal") return literal(string);
  const sign = signAhead(text);
  if (sign === "wait" && text.length < MAX_AHEAD) return "wait";
  string.escapes = sign === "invalid" ? (isDrive(string) ? "path" : "literal") : "plain";
  return sign === "invalid" ? literal(string) : undefined;
};

function literal(string: OpenString): Verdict {
  return { take: 1, put: "\\\\", rule: string.escapes === "path" ? "path_backslash" : "literal_backslash" };
}

/** `C:` right before the backslash. */
function isDrive(string: OpenString): boolean {
  return /(?:^|[^A-Za-z])[A-Za-z]:$/.test(string.before);
}

function kindOfEscape(text: string, at: number): "valid" | "invalid" | "short" {
  const c = text[at + 1];
  if (c === undefined) return "short";
  if (ONE.includes(c)) return "valid";
  if (c !== "u") return "invalid";
  const hex = text.slice(at + 2, at + 6);
  if (!/^[0-9a-fA-F]*$/.test(hex)) return "invalid";
  return hex.length === 4 ? "valid" : "short";
}

/** Whether an invalid escape comes before the string's next quote. */
function signAhead(text: string): "invalid" | "none" | "wait" {
  for (let at = 2; at < Math.min(text.length, MAX_AHEAD); at++) {
    if (text[at] === '"') return "none";
    if (text[at] !== "\\") continue;
    const kind = kindOfEscape(text, at);
    if (kind === "short") return "wait";
    if (kind === "invalid" && text[at + 1] !== "'") return "invalid";
    at += 1;
  }
  return text.length >= MAX_AHEAD ? "none" : "wait";
}

/** `C:\dir\"` in a path: the backslash is the path's last character when the quote closes the string. */
function closingQuote(text: string, over: boolean): Verdict {
  const next = skipSpace(text, 2);
  const c = text[next];
  if (c === undefined) return over ? undefined : "wait";
  if (c !== "}" && c !== "]" && c !== ",") return undefined;
  if (c === ",") {
    const key = text[skipSpace(text, next + 1)];
    if (key === undefined) return over ? undefined : "wait";
    if (key !== '"') return undefined;
  }
  return { take: 1, put: "\\\\", rule: "path_backslash" };
}

/** `\n` written as two characters between tokens is white space. */
const written: Hook = ({ text, state }: Place) => {
  const comma = skipSpace(text);
  const at = (state === "member" || state === "item") && text[comma] === "," ? skipSpace(text, comma + 1) : comma;
  if (text[at] !== "\\") return undefined;
  if (text[at + 1] === undefined) return "wait";
  return "nrt".includes(text[at + 1] ?? "-") ? { take: at + 2, put: `${text.slice(0, at)} `, rule: "written_white_space" } : undefined;
};
