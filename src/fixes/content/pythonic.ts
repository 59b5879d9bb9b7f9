import { z } from "zod";
import { defineContentFix } from "../fix.ts";
import { headOfEnvelope, readEnvelopes } from "./envelope.ts";
import { skipSpace } from "./literal.ts";
import type { Offer } from "./offer.ts";
import { headOfPython, readPython } from "./python-calls.ts";
import type { Reading, Verdict } from "./rule.ts";

const MARKERS = ["<|tool_call_start|>", "<|python_start|>", "<function_calls>", "<tool_call>"];
const STYLE = { bareName: false };

/** LFM2's and Llama 4's `[f(a='x')]`: between their tokens anywhere, without them only as the whole message. */
export const pythonic = defineContentFix({
  name: "content_pythonic",
  summary: "Pythonic calls ([f(a='x')], LFM2, Llama 4) left in the text become tool calls",
  defaultMode: "fix",
  holds: "a markup block",
  example: {
    before: "<|tool_call_start|>[f(a='x', b=True)]<|tool_call_end|>",
    after: 'tool call f {"a": "x", "b": true}',
  },
  source: "mlxcel#1306",
  options: z.strictObject({}),
  rule: () => ({ kind: "call", markers: MARKERS, openings: ["["], needsTools: true, stable: true, head, read }),
});

function inside(text: string, at: number): number {
  const marker = MARKERS.find((mark) => text.startsWith(mark, at));
  return marker === undefined ? at : skipSpace(text, at + marker.length);
}

function head(text: string, offer: Offer): Verdict {
  const at = inside(text, 0);
  const python = headOfPython(text, at, offer);
  return python === "no" && at > 0 ? headOfEnvelope(text, at, offer, STYLE) : python;
}

function read(text: string, from: number, offer: Offer): Reading {
  const at = inside(text, from);
  if (at === from && text[at] !== "[") return { kind: "prose" };
  const python = readPython(text, at, offer);
  return python.kind === "prose" && at > from ? readEnvelopes(text, at, offer, STYLE) : python;
}
