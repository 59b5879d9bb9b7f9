import type { Fix } from "../fix.ts";

/** The frame fixes, in the order they run. */
export const FRAME_FIXES: readonly Fix[] = [];
