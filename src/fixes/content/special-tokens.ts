import { z } from "zod";
import { defineContentFix } from "../fix.ts";
import { END_TOKENS } from "./tags.ts";

/** A turn's end token at the end of the text. In the middle of a text such a token is what the text is about. */
export const specialTokens = defineContentFix({
  name: "content_special_tokens",
  summary: "Chat template tokens left at the end of the text (<|im_end|> and the like) are cut",
  defaultMode: "fix",
  holds: "a marker prefix",
  example: { before: "Done.<|im_end|>", after: "Done." },
  source: "livekit/agents#5840, little-coder#42",
  options: z.strictObject({}),
  rule: () => ({ kind: "tail", tokens: END_TOKENS }),
});
