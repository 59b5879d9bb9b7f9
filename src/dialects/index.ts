import type { Dialect } from "./dialect.ts";
import { openaiChat } from "./openai-chat.ts";

/** Every API that is understood, one line each. */
export const DIALECTS: readonly Dialect[] = [openaiChat];
