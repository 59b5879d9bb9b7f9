import { z } from "zod";
import { defineContentFix } from "../fix.ts";
import { headOfEnvelope, readEnvelopes } from "./envelope.ts";

const STYLE = { bareName: false };

/** The whole message is the JSON of a call. JSON that was asked for (`response_format`) is left alone by the stage. */
export const bareJson = defineContentFix({
  name: "content_bare_json",
  summary: "A message that is nothing but the JSON of a call becomes that call",
  defaultMode: "fix",
  holds: "a markup block",
  example: {
    before: '{"name": "calculator", "arguments": {"expr": "17 * 23"}}',
    after: 'tool call calculator {"expr": "17 * 23"}',
  },
  source: "opencode#10402, ollama#12174, ollama#7824; recording tool-bare-json",
  options: z.strictObject({}),
  rule: () => ({
    kind: "call",
    markers: [],
    openings: ["{", "["],
    needsTools: true,
    stable: true,
    head: (text, offer) => headOfEnvelope(text, 0, offer, STYLE),
    read: (text, at, offer) => readEnvelopes(text, at, offer, STYLE),
  }),
});
