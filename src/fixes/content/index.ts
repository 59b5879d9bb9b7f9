import type { Fix } from "../fix.ts";

/** The content fixes, in the order they run. */
export const CONTENT_FIXES: readonly Fix[] = [];
