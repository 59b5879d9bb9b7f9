import { z } from "zod";
import { defineContentFix } from "../fix.ts";
import { skipSpace } from "./literal.ts";
import { readArguments } from "./named.ts";
import type { Offer } from "./offer.ts";
import { PROSE, type Reading, type Verdict } from "./rule.ts";

const SECTIONS = ["<|tool_calls_section_begin|>", "<|tool_call_section_begin|>"];
const BEGIN = "<|tool_call_begin|>";
const HEADER = /(?:functions\.)?([\w.-]{1,128})(?::\d{1,6})?\s{0,8}<\|tool_call_argument_begin\|>/uy;
const STRIPPED = /functions\.([\w-]{1,128}):\d{1,6}\s{0,4}(?:<\|tool_call_argument_begin\|>\s{0,4})?(?=\{)/uy;
const STRIPPED_SO_FAR = /^functions\.[\w-]{0,128}(?::\d{0,6}\s{0,4}(?:<[|\w]{0,27}>?\s{0,4})?)?$/u;

/** Kimi K2's call section, also with its tokens stripped: `functions.NAME:0{…}`. */
export const kimi = defineContentFix({
  name: "content_kimi",
  summary: "Kimi call sections left in the text, also stripped to functions.NAME:0{…}, become tool calls",
  defaultMode: "fix",
  holds: "a markup block",
  example: {
    before: '<|tool_call_begin|>functions.list_directory:0<|tool_call_argument_begin|>{"path": "/"}<|tool_call_end|>',
    after: 'tool call list_directory {"path": "/"}',
  },
  source: "llxprt-code#749, ik_llama.cpp contamination_ls_issue",
  options: z.strictObject({}),
  rule: () => ({ kind: "call", markers: [...SECTIONS, BEGIN, "functions."], openings: [], needsTools: true, stable: true, head, read }),
});

/** Behind the section's and the call's own opening tokens. */
function headerAt(text: string, from: number): number {
  const section = SECTIONS.find((mark) => text.startsWith(mark, from));
  const at = section === undefined ? from : skipSpace(text, from + section.length);
  return text.startsWith(BEGIN, at) ? skipSpace(text, at + BEGIN.length) : at;
}

function head(text: string, offer: Offer): Verdict {
  if (text.startsWith("functions.")) {
    STRIPPED.lastIndex = 0;
    const name = STRIPPED.exec(text)?.[1];
    if (name !== undefined) return offer.find(name) ? "yes" : "no";
    return STRIPPED_SO_FAR.test(text) ? "maybe" : "no";
  }
  const at = headerAt(text, 0);
  const rest = text.slice(at);
  if (rest === "" || BEGIN.startsWith(rest)) return "maybe";
  HEADER.lastIndex = at;
  const name = HEADER.exec(text)?.[1];
  if (name !== undefined) return offer.find(name) ? "yes" : "no";
  return /^[\w.:-]{1,150}\s{0,8}(?:<[|\w]{0,28})?$/u.test(rest) ? "maybe" : "no";
}

function read(text: string, from: number, offer: Offer): Reading {
  const at = headerAt(text, from);
  const pattern = at === from ? STRIPPED : HEADER;
  pattern.lastIndex = at;
  const name = pattern.exec(text)?.[1];
  return name === undefined ? PROSE : readArguments(text, pattern.lastIndex, name, offer);
}
