import { z } from "zod";
import { defineContentFix } from "../fix.ts";
import { skipSpace } from "./literal.ts";
import { readArguments } from "./named.ts";
import { block, type Offer } from "./offer.ts";
import { PROSE, refused, type Piece, type Reading, type Verdict } from "./rule.ts";

/** A header with its tokens; the recipient may stand before or behind the channel. */
const HEADER =
  /(?:<\|(?:end|call|return)\|>\s{0,4})?(?:(?:<\|start\|>\s{0,4})?(?:assistant|functions)?(?:\s{0,4}to=([\w.:-]{1,128}))?\s{0,4})?<\|channel\|>\s{0,4}(analysis|commentary|final)(?:\s{0,4}to=([\w.:-]{1,128}))?\s{0,4}(?:<\|channel\|>\s{0,4}(?:analysis|commentary)\s{0,4})?(?:<\|constrain\|>\s{0,4})?(?:json|code)?\s{0,4}(?:<\|message\|>|(?=\{))/uy;
const HEADER_PART = /<\|[a-z]{0,12}(?:\|>?)?|\s+|[\w.:=-]+|[\s\S]/gu;
const HEADER_WORDS: readonly string[] = ["assistant", "functions", "analysis", "commentary", "final", "json", "code", "to="];
/** The same with the tokens stripped: `analysis…assistantcommentary to=functions.NAME json{…}`. */
const STRIPPED =
  /(?:assistant)?(?:(analysis|final)(?![a-z\s,.;:])|commentary\s{0,4}to=([\w.:-]{1,128})\s{0,4}(?:json|code)?\s{0,4}(?=\{))/uy;
const STRIPPED_SO_FAR =
  /^(?:assistant)?(?:analysis|final|commentary(?:\s{0,4}(?:t|to|to=[\w.:-]{0,128}\s{0,4}(?:json|code|[a-z]{1,4})?\s{0,4})?)?|[a-z]{1,10})?$/u;
const NEXT_STRIPPED = /assistant(?=analysis|final|commentary)/u;

/** gpt-oss channels that were not parsed: analysis is reasoning, final is the answer, a recipient makes a call. */
export const harmony = defineContentFix({
  name: "content_harmony",
  summary: "gpt-oss (harmony) channel headers left in the text are taken apart into reasoning, answer and tool calls",
  defaultMode: "fix",
  holds: "a markup block",
  example: {
    before: '<|channel|>commentary to=functions.shell<|constrain|>json<|message|>{"command":"ls"}<|call|>',
    after: 'tool call shell {"command":"ls"}',
  },
  source: "llama.cpp#15158, llama.cpp#27720, textgen#7374",
  options: z.strictObject({}),
  rule: () => ({
    kind: "call",
    markers: ["<|channel|>", "<|start|>assistant", "<|end|><|start|>"],
    openings: [
      "to=functions.",
      "assistant to=functions.",
      "analysis",
      "commentary to=",
      "assistantanalysis",
      "assistantcommentary",
      "assistantfinal",
    ],
    needsTools: false,
    stable: false,
    head,
    read,
  }),
});

function head(text: string, offer: Offer): Verdict {
  const tokens = hasTokens(text, 0);
  const pattern = tokens ? HEADER : STRIPPED;
  pattern.lastIndex = 0;
  const match = pattern.exec(text);
  if (match) {
    const recipient = tokens ? (match[1] ?? match[3]) : match[2];
    // The word alone may go on: "analysis" is also how a sentence begins.
    if (pattern.lastIndex >= text.length && recipient === undefined) return "maybe";
    return recipient === undefined || findTool(recipient, offer) ? "yes" : "no";
  }
  return (tokens ? headerSoFar(text) : STRIPPED_SO_FAR.test(text)) ? "maybe" : "no";
}

function hasTokens(text: string, at: number): boolean {
  return text[at] === "<" || text.startsWith("to=", at) || text.startsWith("assistant to=", at);
}

/** Whether a header may still come of it: nothing but header words and tokens, the last one perhaps cut. */
function headerSoFar(text: string): boolean {
  if (text.length > 400 || text.includes("<|message|>")) return false;
  for (const { 0: part, index } of text.matchAll(HEADER_PART)) {
    const last = index + part.length === text.length;
    const word = HEADER_WORDS.some((known) => part === known || part.startsWith("to=") || (last && known.startsWith(part)));
    if (!word && !part.startsWith("<|") && part.trim() !== "" && !(last && part === "<")) return false;
  }
  return true;
}

function read(text: string, from: number, offer: Offer): Reading {
  if (!hasTokens(text, from)) return readStripped(text, from, offer);
  const pieces: Piece[] = [];
  let at = from;
  for (;;) {
    HEADER.lastIndex = at;
    const match = HEADER.exec(text);
    if (!match) break;
    const start = HEADER.lastIndex;
    const recipient = match[1] ?? match[3];
    if (recipient !== undefined) {
      const call = readCall(text, start, recipient, offer);
      if (call.kind !== "block") return call;
      pieces.push(...call.pieces);
      at = skipEnd(text, call.end);
      continue;
    }
    const end = endOfMessage(text, start);
    pieces.push({ kind: match[2] === "analysis" ? "reasoning" : "text", text: text.slice(start, end) });
    at = HEADER_AHEAD.test(text.slice(end, end + 40)) ? end : skipEnd(text, end);
  }
  return pieces.length === 0 ? PROSE : block(pieces, at);
}

const HEADER_AHEAD = /^<\|(?:start|channel)\|>/u;
const END = /<\|(?:end|call|return)\|>|<\|start\|>|<\|channel\|>/gu;

function endOfMessage(text: string, from: number): number {
  END.lastIndex = from;
  return END.exec(text)?.index ?? text.length;
}

function skipEnd(text: string, from: number): number {
  const end = /\s{0,8}<\|(?:end|call|return)\|>/uy;
  end.lastIndex = from;
  return end.test(text) ? skipSpace(text, end.lastIndex) : from;
}

function readStripped(text: string, from: number, offer: Offer): Reading {
  const pieces: Piece[] = [];
  let at = from;
  while (at < text.length) {
    STRIPPED.lastIndex = at;
    const match = STRIPPED.exec(text);
    if (!match) return PROSE;
    const start = STRIPPED.lastIndex;
    if (match[2] !== undefined) {
      const call = readCall(text, start, match[2], offer);
      if (call.kind !== "block") return call;
      pieces.push(...call.pieces);
      at = skipSpace(text, call.end);
      continue;
    }
    const next = NEXT_STRIPPED.exec(text.slice(start));
    const end = match[1] === "final" || !next ? text.length : start + next.index;
    // An analysis that nothing follows may be a sentence that begins with the word.
    if (match[1] === "analysis" && !next) return PROSE;
    pieces.push({ kind: match[1] === "analysis" ? "reasoning" : "text", text: text.slice(start, end) });
    at = end;
  }
  return block(pieces, at);
}

function readCall(text: string, at: number, recipient: string, offer: Offer): Reading {
  const name = findTool(recipient, offer);
  if (name === undefined) return PROSE;
  const call = readArguments(text, at, name, offer);
  return call.kind === "prose" ? refused("no arguments behind the header") : call;
}

/** The offered name in a recipient, the content type glued to it taken off: `functions.shelljson`. */
function findTool(recipient: string, offer: Offer): string | undefined {
  return (offer.find(recipient) ?? offer.find(recipient.replace(/(?:json|code)$/u, "")))?.name;
}
