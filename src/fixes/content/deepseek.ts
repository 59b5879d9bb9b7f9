import { z } from "zod";
import { defineContentFix } from "../fix.ts";
import { skipSpace } from "./literal.ts";
import type { MarkupStyle } from "./markup-head.ts";
import { headOfMarkup, readMarkup } from "./markup.ts";
import { readArguments } from "./named.ts";
import type { Offer } from "./offer.ts";
import { PROSE, type Reading, type Verdict } from "./rule.ts";

const STYLE: MarkupStyle = { callTag: "invoke", implied: false };
const DSML = ["<｜DSML｜", "<｜｜DSML｜｜", "<|DSML|", "<||DSML||", "<‖DSML‖"];
const TOKENS = ["<｜tool▁call", "<｜tool_call", "<|tool▁call"];
const BEGINS = /(?:<[|｜]tool[▁_]calls?[▁_]begin[|｜]>\s{0,8}){1,4}/uy;
const HEADER = /(?:function\s{0,4}<[|｜]tool[▁_]sep[|｜]>\s{0,4})?([\w.-]{1,128})\s{0,4}(?:<[|｜]tool[▁_]sep[|｜]>|(?=\n\s{0,4}```))/uy;

const HEADER_SO_FAR = /^(?:<[^<>\n]{0,24}|[\w.-]{1,128}\s{0,8}(?:<[^<>\n]{0,24}(?:>\s{0,4}[\w.-]{0,128}\s{0,8})?)?`{0,2})?$/u;

/** DSML invokes (V3.2 and later) and the call tokens of V3 and V3.1. */
export const deepseek = defineContentFix({
  name: "content_deepseek",
  summary: "DeepSeek calls left in the text (DSML markup or the older call tokens) become tool calls",
  defaultMode: "fix",
  holds: "a markup block",
  example: {
    before: '<｜DSML｜invoke name="search">\n<｜DSML｜parameter name="limit" string="false">5</｜DSML｜parameter>\n</｜DSML｜invoke>',
    after: 'tool call search {"limit": 5}',
  },
  source: "opensquilla#985, GenericAgent#804, aiope#119, vllm#44058",
  options: z.strictObject({}),
  rule: () => ({ kind: "call", markers: [...DSML, ...TOKENS], openings: [], needsTools: true, stable: false, head, read }),
});

function head(text: string, offer: Offer): Verdict {
  if (DSML.some((mark) => text.startsWith(mark))) return headOfMarkup(text, offer, STYLE);
  BEGINS.lastIndex = 0;
  if (!BEGINS.test(text)) return text.length < 32 && !text.includes(">") ? "maybe" : "no";
  const at = BEGINS.lastIndex;
  HEADER.lastIndex = at;
  const name = HEADER.exec(text)?.[1];
  // V3 writes the word `function` before the name.
  if (name !== undefined && (name !== "function" || offer.find(name))) return offer.find(name) ? "yes" : "no";
  return HEADER_SO_FAR.test(text.slice(at)) ? "maybe" : "no";
}

function read(text: string, from: number, offer: Offer): Reading {
  if (DSML.some((mark) => text.startsWith(mark, from))) return readMarkup(text, from, offer, STYLE);
  BEGINS.lastIndex = from;
  if (!BEGINS.test(text)) return PROSE;
  HEADER.lastIndex = skipSpace(text, BEGINS.lastIndex);
  const name = HEADER.exec(text)?.[1];
  return name === undefined ? PROSE : readArguments(text, HEADER.lastIndex, name, offer);
}
