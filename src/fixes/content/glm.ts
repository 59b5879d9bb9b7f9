import { z } from "zod";
import { defineContentFix } from "../fix.ts";
import { skipSpace } from "./literal.ts";
import { callReading, type Offer } from "./offer.ts";
import { PROSE, refused, type Reading, type Verdict } from "./rule.ts";
import { jsonValue } from "./schema.ts";
import { cutTagAt, END_TOKENS } from "./tags.ts";

const HEAD = /<tool_call>\s{0,8}([\w.:-]{1,128})/uy;
const KEY = /(?:<(?:arg_key|arg_value)>\s{0,4}([\p{L}\p{N}_.$-]{1,128})\s{0,4}(?=<)|([\p{L}\p{N}_.$-]{1,128})\s{0,4}(?=<\/arg_key>))/uy;
const PAIR = /\s{1,4}([A-Za-z_][\w-]{0,63})=(?:"([^"]*)"|'([^']*)'|([^\s<"']+))/uy;

const PAIR_SO_FAR = /^[\w-]{0,64}(?:=(?:"[^"<]{0,300}|'[^'<]{0,300})?|\s{0,4}<[/a-z_]{0,8})?$/u;

/** `<tool_call>NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value></tool_call>`. */
export const glm = defineContentFix({
  name: "content_glm",
  summary: "GLM calls left in the text (<arg_key>, <arg_value>), tags swapped or missing, become tool calls",
  defaultMode: "fix",
  holds: "a markup block",
  example: {
    before: "<tool_call>grep\n<arg_key>pattern</arg_key>\n<arg_value>needle</arg_value></tool_",
    after: 'tool call grep {"pattern": "needle"}',
  },
  source: "ollama#17250, vllm#32097, fw-ai-external/python-sdk#119, mlx-lm#792",
  options: z.strictObject({}),
  rule: () => ({ kind: "call", markers: ["<tool_call>"], openings: [], needsTools: true, stable: false, head, read }),
});

function head(text: string, offer: Offer): Verdict {
  HEAD.lastIndex = 0;
  const name = HEAD.exec(text)?.[1];
  if (name === undefined) return skipSpace(text, "<tool_call>".length) >= text.length ? "maybe" : "no";
  const at = skipSpace(text, HEAD.lastIndex);
  if (at >= text.length) return "maybe";
  if (!offer.find(name)) return "no";
  if (text[at] === "<") return "yes";
  KEY.lastIndex = at;
  if (KEY.test(text)) return "yes";
  PAIR.lastIndex = HEAD.lastIndex;
  if (PAIR.test(text)) return "yes";
  return text.length - at < 400 && PAIR_SO_FAR.test(text.slice(at)) ? "maybe" : "no";
}

function read(text: string, from: number, offer: Offer): Reading {
  HEAD.lastIndex = from;
  const name = HEAD.exec(text)?.[1];
  const tool = name === undefined ? undefined : offer.find(name);
  if (!tool) return PROSE;
  const members = new Map<string, string>();
  let at = HEAD.lastIndex;
  let pairs = false;
  const closesFirst = createLookahead(text);
  for (PAIR.lastIndex = at; ; at = PAIR.lastIndex) {
    const match = PAIR.exec(text);
    if (!match) break;
    pairs = true;
    const key = match[1] ?? "";
    if (!members.has(key)) members.set(key, jsonValue(tool.parameters, key, match[2] ?? match[3] ?? match[4] ?? ""));
  }
  for (;;) {
    const next = skipSpace(text, at);
    KEY.lastIndex = next;
    const found = KEY.exec(text);
    const key = found?.[1] ?? found?.[2];
    if (key === undefined) {
      if (!ends(text, next) || (members.size === 0 && next >= text.length)) return PROSE;
      break;
    }
    if (pairs) return PROSE;
    const value = readValue(text, KEY.lastIndex, closesFirst);
    if (!value) return refused(`the value of ${JSON.stringify(key)} has no end`);
    if (!members.has(key)) members.set(key, jsonValue(tool.parameters, key, value.text));
    at = value.end;
  }
  const json = [...members].map(([key, value]) => `${JSON.stringify(key)}: ${value}`).join(", ");
  return callReading(tool, `{${json}}`, skipSpace(text, at));
}

/** Whether a call may be over here. */
function ends(text: string, at: number): boolean {
  if (at >= text.length || cutTagAt(text, at)) return true;
  return ["</tool_call>", "</arg_value>", "<tool_call>", ...END_TOKENS].some((mark) => text.startsWith(mark, at));
}

/** From behind the key to behind the value; which of the four tags stand there is taken as it comes. */
function readValue(text: string, from: number, closesFirst: (at: number) => boolean): { text: string; end: number } | undefined {
  const opening = /(?:<\/arg_key>|<\/arg_value>)?\s*(?:<arg_value>|<arg_key>(?!\s*[\w.$-]+\s*<\/arg_key>))?/uy;
  opening.lastIndex = from;
  opening.exec(text);
  const start = Math.max(from, opening.lastIndex);
  for (let at = text.indexOf("<", start); at >= 0; at = text.indexOf("<", at + 1)) {
    const close = text.startsWith("</arg_value>", at) ? 12 : text.startsWith("</arg_key>", at) ? 10 : 0;
    const behind = skipSpace(text, at + close);
    if (close > 0 && (ends(text, behind) || text.startsWith("<arg_key>", behind)))
      return { text: trimLines(text.slice(start, at)), end: at + close };
    // No closing tag: the next key or the end of the call closes the value.
    KEY.lastIndex = at;
    const implied = text.startsWith("</tool_call>", at)
      ? ends(text, skipSpace(text, at + 12)) && !closesFirst(at)
      : KEY.test(text) && text.startsWith("<arg_key>", at) && !closesFirst(at);
    if (close === 0 && implied) return { text: trimLines(text.slice(start, at).trimEnd()), end: at };
  }
  return undefined;
}

/** Answers whether a value that holds the tag at `at` as text is closed before the next `<arg_value>`; asked in rising order. */
function createLookahead(text: string): (at: number) => boolean {
  let close = -2;
  let open = -2;
  const next = (mark: string, known: number, at: number): number => (known === -1 || known >= at ? known : text.indexOf(mark, at));
  return (at) => {
    close = next("</arg_value>", close, at);
    open = next("<arg_value>", open, at);
    return close >= 0 && (open < 0 || close < open);
  };
}

function trimLines(text: string): string {
  return text.length > 1 && text.startsWith("\n") && text.endsWith("\n") ? text.slice(1, -1) : text;
}
