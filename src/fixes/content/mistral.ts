import { z } from "zod";
import { defineContentFix } from "../fix.ts";
import { headOfEnvelope, readEnvelopes } from "./envelope.ts";
import { skipSpace } from "./literal.ts";
import { readArguments } from "./named.ts";
import { block, type Offer } from "./offer.ts";
import { PROSE, type Piece, type Reading, type Verdict } from "./rule.ts";

const MARKER = "[TOOL_CALLS]";
const NAMED = /([\w.-]{1,128})\s{0,4}(?:\[CALL_ID\][\w-]{0,64}\s{0,4})?(?:\[ARGS\]\s{0,4})?(?=\{)/uy;
const NAME_SO_FAR = /^[\w.-]{1,128}\s{0,4}(?:\[CALL_ID\][\w-]{0,64}\s{0,4})?(?:\[ARGS\]\s{0,4})?(?:\[[A-Z_]{0,7})?$/u;

/** `[TOOL_CALLS][{…}]` and `[TOOL_CALLS]name[ARGS]{…}`. */
export const mistral = defineContentFix({
  name: "content_mistral",
  summary: "Mistral calls left in the text behind [TOOL_CALLS] become tool calls",
  defaultMode: "fix",
  holds: "a markup block",
  example: {
    before: '[TOOL_CALLS]web_search[ARGS]{"query": "latest releases"}',
    after: 'tool call web_search {"query": "latest releases"}',
  },
  source: "Rapid-MLX#1071, vllm#39294, vllm#5649",
  options: z.strictObject({}),
  // Not stable: a name behind a call may begin the next one.
  rule: () => ({ kind: "call", markers: [MARKER], openings: [], needsTools: true, stable: false, head, read }),
});

function head(text: string, offer: Offer): Verdict {
  const at = skipSpace(text, MARKER.length);
  if (at >= text.length) return "maybe";
  if (text[at] === "[" || text[at] === "{") return headOfEnvelope(text, at, offer, { bareName: false });
  NAMED.lastIndex = at;
  const name = NAMED.exec(text)?.[1];
  if (name !== undefined) return offer.find(name) ? "yes" : "no";
  return text.length - at < 240 && NAME_SO_FAR.test(text.slice(at)) ? "maybe" : "no";
}

function read(text: string, from: number, offer: Offer): Reading {
  if (!text.startsWith(MARKER, from)) return PROSE;
  let at = skipSpace(text, from + MARKER.length);
  if (text[at] === "[" || text[at] === "{") return readEnvelopes(text, at, offer, { bareName: false });
  const pieces: Piece[] = [];
  for (;;) {
    NAMED.lastIndex = skipSpace(text, at);
    const name = NAMED.exec(text)?.[1];
    if (name === undefined) break;
    const one = readArguments(text, NAMED.lastIndex, name, offer);
    if (one.kind !== "block") return one;
    pieces.push(...one.pieces);
    at = one.end;
  }
  return pieces.length > 0 ? block(pieces, at) : PROSE;
}
