/** The plan a replaying command works with. */
import type { Config } from "../config/schema.ts";
import { planFixes } from "../fixes/index.ts";
import type { FixPlan } from "../fixes/fix.ts";
import type { ReplayOptions } from "../replay/replay.ts";

export function planOf(config: Config): FixPlan {
  return planFixes(config.fixes);
}

export function limitsOf(config: Config): ReplayOptions {
  return { frameBytes: config.server.max_frame_bytes, replyBytes: config.server.max_reply_bytes };
}
