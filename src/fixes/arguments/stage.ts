import type { RequestView } from "../../core/delta.ts";
import type { Note, PlannedFix, Stage } from "../fix.ts";

export function createArgumentStage(
  _plan: readonly PlannedFix[],
  _request: RequestView,
  _noteBy: (fix: string, mode: PlannedFix["mode"]) => Note,
): Stage | undefined {
  return undefined;
}
