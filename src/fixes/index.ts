import { ARGUMENT_FIXES } from "./arguments/index.ts";
import { CONTENT_FIXES } from "./content/index.ts";
import type { Fix, FixMode, FixPlan } from "./fix.ts";
import { FRAME_FIXES } from "./frame/index.ts";
import { REQUEST_FIXES } from "./request/index.ts";

/** Every fix there is. Order is the order they run in within their kind. */
export const FIXES: readonly Fix[] = [...REQUEST_FIXES, ...FRAME_FIXES, ...CONTENT_FIXES, ...ARGUMENT_FIXES];

export interface FixConfig {
  /** The master switch (`fixes.enabled`). */
  readonly enabled: boolean;
  /** By fix name. `enabled: false` wins over `mode`; the other keys are the fix's own options. */
  readonly modules: Readonly<
    Record<string, { readonly enabled?: boolean | undefined; readonly mode?: FixMode | undefined } & Record<string, unknown>>
  >;
}

/** The plan a configuration asks for. Options were checked by the config schema; defaults are filled in here. */
export function planFixes(config: FixConfig, fixes: readonly Fix[] = FIXES): FixPlan {
  if (!config.enabled) return [];
  return fixes.flatMap((fix) => {
    const { enabled, mode, ...options } = config.modules[fix.name] ?? {};
    const wanted: FixMode = enabled === false ? "off" : (mode ?? (enabled === true && fix.defaultMode === "off" ? "fix" : fix.defaultMode));
    return wanted === "off" ? [] : [{ fix, mode: wanted, options: fix.options.parse(options) }];
  });
}
