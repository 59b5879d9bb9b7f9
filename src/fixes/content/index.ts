import type { Fix } from "../fix.ts";
import { bareJson } from "./bare-json.ts";
import { deepseek } from "./deepseek.ts";
import { fencedJson } from "./fenced-json.ts";
import { gemma } from "./gemma.ts";
import { glm } from "./glm.ts";
import { harmony } from "./harmony.ts";
import { hermesJson } from "./hermes-json.ts";
import { invoke } from "./invoke.ts";
import { kimi } from "./kimi.ts";
import { llama } from "./llama.ts";
import { mistral } from "./mistral.ts";
import { pythonic } from "./pythonic.ts";
import { qwenXml } from "./qwen-xml.ts";
import { reasoningCalls } from "./reasoning-calls.ts";
import { repeatedCalls } from "./repeated-calls.ts";
import { specialTokens } from "./special-tokens.ts";
import { think } from "./think.ts";

/** The content fixes. Where two read the same block, the first one that can make a call of it does. */
export const CONTENT_FIXES: readonly Fix[] = [
  think,
  hermesJson,
  qwenXml,
  glm,
  invoke,
  mistral,
  harmony,
  deepseek,
  kimi,
  gemma,
  llama,
  pythonic,
  bareJson,
  fencedJson,
  reasoningCalls,
  repeatedCalls,
  specialTokens,
];
