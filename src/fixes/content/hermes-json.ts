import { z } from "zod";
import { defineContentFix } from "../fix.ts";
import { argumentsText, headOfEnvelope, readEnvelopes } from "./envelope.ts";
import { skipSpace } from "./literal.ts";
import { callReading, type Offer } from "./offer.ts";
import { PROSE, refused, type Reading, type Verdict } from "./rule.ts";
import { skimObject } from "./skim.ts";

const MARKERS = [
  "<tool_call>",
  "<tool_calls>",
  "<function_call>",
  "<function_calls>",
  "<|tool_call|>",
  "<|tool_call>",
  "<tools>",
  "[TOOL_REQUEST]",
];
const NAMED = /([\w.:-]{1,128})\s{0,8}(?=\{)/uy;
const NAME_SO_FAR = /^[\w.:-]{0,128}\s{0,8}$/u;

/** `<tool_call>{"name": …, "arguments": …}</tool_call>`. */
export const hermesJson = defineContentFix({
  name: "content_hermes_json",
  summary: "Hermes calls left in the text (<tool_call> around JSON), closing tag or brace missing, become tool calls",
  defaultMode: "fix",
  holds: "a markup block",
  example: {
    before: '<tool_call>\n{"name": "get_weather", "arguments": {"location": "Tokyo"}}\n</tool_cal',
    after: 'tool call get_weather {"location": "Tokyo"}',
  },
  source: "ik_llama.cpp tests/test-function-calls.cpp, Qwen-Agent#734, JustVugg/colibri#505",
  options: z.strictObject({}),
  rule: () => ({ kind: "call", markers: MARKERS, openings: [], needsTools: true, stable: true, head, read }),
});

function inside(text: string, at: number): number {
  let pos = at;
  for (let depth = 0; depth < 3; depth++) {
    const marker = MARKERS.find((mark) => text.startsWith(mark, pos));
    if (marker === undefined) break;
    pos = skipSpace(text, pos + marker.length);
  }
  const fence = /```(?:json)?\s{0,4}/uy;
  fence.lastIndex = pos;
  const start = fence.test(text) ? fence.lastIndex : pos;
  // A template's own escape, learnt by heart.
  return text.startsWith("{{", start) ? start + 1 : start;
}

function head(text: string, offer: Offer): Verdict {
  const at = inside(text, 0);
  if (at >= text.length || "```json".startsWith(text.slice(at))) return "maybe";
  if (text[at] === "{" || text[at] === "[") return headOfEnvelope(text, at, offer, { bareName: true });
  NAMED.lastIndex = at;
  const named = NAMED.exec(text);
  if (named) return offer.find(named[1] ?? "") ? "yes" : "no";
  return NAME_SO_FAR.test(text.slice(at, at + 140)) && text.length - at < 140 ? "maybe" : "no";
}

function read(text: string, from: number, offer: Offer): Reading {
  const at = inside(text, from);
  if (at === from) return PROSE;
  if (text[at] === "{" || text[at] === "[") return withoutFence(text, readEnvelopes(text, at, offer, { bareName: true }));
  NAMED.lastIndex = at;
  const named = NAMED.exec(text);
  const tool = named ? offer.find(named[1] ?? "") : undefined;
  if (!tool) return PROSE;
  const members = skimObject(text, NAMED.lastIndex, false) ?? skimObject(text, NAMED.lastIndex, true);
  if (members === undefined) return PROSE;
  if (members === "cut" || !members.closed) return refused("the text ends inside the call");
  return callReading(tool, argumentsText(text.slice(NAMED.lastIndex, members.end)) ?? "", members.end);
}

function withoutFence(text: string, reading: Reading): Reading {
  if (reading.kind !== "block") return reading;
  const at = skipSpace(text, reading.end);
  return text.startsWith("```", at) ? { ...reading, end: at + 3 } : reading;
}
