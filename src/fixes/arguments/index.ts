import type { Fix } from "../fix.ts";
import { toolcallBadFilepath } from "./toolcall-bad-filepath.ts";

/** The arguments fixes, in the order they are asked. */
export const ARGUMENT_FIXES: readonly Fix[] = [toolcallBadFilepath];
