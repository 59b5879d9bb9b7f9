import { z } from "zod";
import { defineContentFix } from "../fix.ts";
import { headOfEnvelope, readEnvelopes } from "./envelope.ts";
import { skipSpace } from "./literal.ts";
import { readArguments } from "./named.ts";
import type { Offer } from "./offer.ts";
import { headOfPython, readPython } from "./python-calls.ts";
import { PROSE, type Reading, type Verdict } from "./rule.ts";

const TAG = "<|python_tag|>";
const FUNCTION = /(?:<tool_call>\s{0,8})?<function=["']?([\w.:-]{1,128})["']?\s{0,4}>?\s{0,8}(?=\{)/uy;
const FUNCTION_SO_FAR = /^(?:<tool_call>\s{0,8})?(?:<[a-z]{0,8}|<function=["']?[\w.:-]{0,128}["']?\s{0,4}>?\s{0,8})?$/u;
const STYLE = { bareName: false };

/** `<|python_tag|>{…}` and `<function=NAME>{…}</function>`. */
export const llama = defineContentFix({
  name: "content_llama",
  summary: "Llama 3 calls left in the text (<|python_tag|>, <function=NAME>{…}) become tool calls",
  defaultMode: "fix",
  holds: "a markup block",
  example: {
    before: '<|python_tag|>{"name": "get_weather", "parameters": {"location": "Paris"}}<|eom_id|>',
    after: 'tool call get_weather {"location": "Paris"}',
  },
  source: "unsloth#5620, ollama#7824",
  options: z.strictObject({}),
  rule: () => ({ kind: "call", markers: [TAG, "<function=", "<tool_call>"], openings: [], needsTools: true, stable: true, head, read }),
});

function head(text: string, offer: Offer): Verdict {
  if (text.startsWith(TAG)) {
    const at = skipSpace(text, TAG.length);
    const json = headOfEnvelope(text, at, offer, STYLE);
    return json === "no" ? headOfPython(text, at, offer) : json;
  }
  FUNCTION.lastIndex = 0;
  const name = FUNCTION.exec(text)?.[1];
  if (name !== undefined) return offer.find(name) ? "yes" : "no";
  return FUNCTION_SO_FAR.test(text) ? "maybe" : "no";
}

function read(text: string, from: number, offer: Offer): Reading {
  if (text.startsWith(TAG, from)) {
    const at = skipSpace(text, from + TAG.length);
    return text[at] === "{" || text[at] === "[" ? readEnvelopes(text, at, offer, STYLE) : readPython(text, at, offer);
  }
  FUNCTION.lastIndex = from;
  const name = FUNCTION.exec(text)?.[1];
  return name === undefined ? PROSE : readArguments(text, FUNCTION.lastIndex, name, offer);
}
