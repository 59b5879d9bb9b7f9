import { z } from "zod";
import { defineContentFix } from "../fix.ts";

/** Think blocks at the beginning of a message are reasoning. Anywhere else the tag is text. */
export const think = defineContentFix({
  name: "content_think_leak",
  summary: "Think blocks left at the beginning of the content go to reasoning",
  defaultMode: "fix",
  holds: "a marker prefix",
  example: { before: "<think>plan</think>\nHello", after: "reasoning: plan + Hello" },
  source: "FluidVoice#836, openwhispr#1861, LifeOS#568, sglang#37644",
  options: z.strictObject({
    prefilled_models: z
      .array(z.string().min(1))
      .default([])
      .describe("Parts of names of models whose template opens the think block itself: their streams begin as reasoning, up to </think>."),
  }),
  rule: (options) => ({
    kind: "think",
    tags: [
      { open: "<think>", close: "</think>" },
      { open: "<thinking>", close: "</thinking>" },
      { open: "<thought>", close: "</thought>" },
      { open: "<seed:think>", close: "</seed:think>" },
      { open: "[think]", close: "[/think]" },
      { open: "<|channel>thought", close: "<channel|>" },
    ],
    prefilled: options.prefilled_models.map((name) => name.toLowerCase()),
  }),
});
