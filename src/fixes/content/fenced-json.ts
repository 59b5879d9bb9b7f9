import { z } from "zod";
import { defineContentFix } from "../fix.ts";
import { headOfEnvelope, readEnvelopes } from "./envelope.ts";
import { skipSpace } from "./literal.ts";
import type { MarkupStyle } from "./markup-head.ts";
import { headOfMarkup, readMarkup } from "./markup.ts";
import { block, type Offer } from "./offer.ts";
import { headOfPython, readPython } from "./python-calls.ts";
import { PROSE, type Piece, type Reading, type Verdict } from "./rule.ts";
import { skipClosers } from "./tags.ts";

const OPEN = /```([\w-]{0,16})[ \t]{0,4}\r?\n?\s{0,8}/uy;
const OPEN_SO_FAR = /^`{1,3}$|^```[\w-]{0,16}[ \t]{0,4}\r?\n?\s{0,8}$/u;
const JSON_INFO: ReadonlySet<string> = new Set([
  "",
  "json",
  "jsonc",
  "tool_call",
  "tool_calls",
  "tool",
  "tool_code",
  "function",
  "function_call",
]);
const STYLE = { bareName: false };
const MARKUP: MarkupStyle = { callTag: "function", implied: true };

/** The whole message is one fence with calls in it. With prose around it a fence is documentation, unless the option says otherwise. */
export const fencedJson = defineContentFix({
  name: "content_fenced_json",
  summary: "A message that is nothing but a code fence with calls in it becomes those calls",
  defaultMode: "fix",
  holds: "a markup block",
  example: {
    before: '```json\n{"name": "read", "arguments": {"filePath": "a.ts"}}\n```',
    after: 'tool call read {"filePath": "a.ts"}',
  },
  source: "vllm#32926, ad4m#1053; recording tool-fenced-json",
  options: z.strictObject({
    with_prose: z
      .boolean()
      .default(false)
      .describe("Also make calls of a fence that ends a message which begins with prose. An echoed call would run: off by default."),
  }),
  rule: (options) => ({
    kind: "call",
    markers: options.with_prose ? ["```json\n", "```tool_call\n"] : [],
    openings: ["```"],
    needsTools: true,
    stable: true,
    head,
    read,
  }),
});

function head(text: string, offer: Offer): Verdict {
  OPEN.lastIndex = 0;
  const info = OPEN.exec(text)?.[1];
  const at = OPEN.lastIndex;
  if (info === undefined || at >= text.length) return OPEN_SO_FAR.test(text) ? "maybe" : "no";
  const first = text.charAt(at);
  if ((first === "{" || first === "[") && JSON_INFO.has(info)) {
    const json = headOfEnvelope(text, at, offer, STYLE);
    return json === "no" && info === "tool_code" ? headOfPython(text, at, offer) : json;
  }
  if (first === "<" && (JSON_INFO.has(info) || info === "xml")) return headOfMarkup(text.slice(at), offer, MARKUP);
  return info === "tool_code" ? headOfPython(text, at, offer) : "no";
}

function read(text: string, from: number, offer: Offer): Reading {
  OPEN.lastIndex = from;
  if (!OPEN.test(text)) return PROSE;
  const pieces: Piece[] = [];
  let at = OPEN.lastIndex;
  while (at < text.length && !text.startsWith("```", at)) {
    const one = readOne(text, at, offer);
    if (one.kind !== "block") return one;
    pieces.push(...one.pieces);
    at = skipClosers(text, one.end);
  }
  return pieces.length === 0 ? PROSE : block(pieces, Math.min(text.length, at + 3));
}

function readOne(text: string, from: number, offer: Offer): Reading {
  const at = skipSpace(text, from);
  if (text[at] === "<") return readMarkup(text, at, offer, MARKUP);
  const json = readEnvelopes(text, at, offer, STYLE);
  return json.kind === "prose" ? readPython(text, at, offer) : json;
}
