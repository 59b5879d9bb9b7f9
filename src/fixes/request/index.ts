import type { Fix } from "../fix.ts";

/** The request fixes, in the order they run. */
export const REQUEST_FIXES: readonly Fix[] = [];
