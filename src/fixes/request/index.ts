import type { Fix } from "../fix.ts";
import { attributionLine } from "./attribution-line.ts";
import { poisonedHistory } from "./poisoned-history.ts";
import { toolSchema } from "./tool-schema.ts";

/** The request fixes, in the order they run. */
export const REQUEST_FIXES: readonly Fix[] = [poisonedHistory, toolSchema, attributionLine];
