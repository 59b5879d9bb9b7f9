import type { Fix } from "../fix.ts";

/** The arguments fixes, in the order they run. */
export const ARGUMENT_FIXES: readonly Fix[] = [];
