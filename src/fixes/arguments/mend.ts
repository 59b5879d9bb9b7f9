import type { Delta, Tool } from "../../core/delta.ts";
import type { FixNote } from "../../core/exchange.ts";
import type { PlannedFix } from "../fix.ts";
import { ARGUMENT_FIXES } from "./index.ts";
import { createArgumentStage } from "./stage.ts";

export interface Mended {
  /** One text per call; several where calls were concatenated. The input itself when nothing was changed. */
  readonly text: readonly string[];
  /** What is there cannot be mended without inventing; `text` is the input. */
  readonly refused: boolean;
  readonly notes: readonly FixNote[];
}

/** Every arguments fix that is not off by default. */
export function defaultArgumentPlan(): readonly PlannedFix[] {
  return ARGUMENT_FIXES.flatMap((fix) => (fix.defaultMode === "off" ? [] : [{ fix, mode: "fix", options: fix.options.parse({}) }]));
}

/**
 * One call's arguments as a whole through the same transducer as a reply's. `tool`: as the request
 * offers it, undefined where it does not. `finish`: the reply's finish reason. Pure, never throws.
 */
export function mendArguments(
  text: string,
  tool: Tool | undefined,
  options: { readonly finish: string; readonly plan?: readonly PlannedFix[] },
): Mended {
  const notes: FixNote[] = [];
  const stage = createArgumentStage(
    options.plan ?? defaultArgumentPlan(),
    {
      model: undefined,
      stream: false,
      tools: tool ? [tool] : [],
      toolsForbidden: false,
      parallelToolCalls: undefined,
      conversation: undefined,
      body: undefined,
    },
    (fix) => (note) => void notes.push({ ...note, fix }),
  );
  if (!stage) return { text: [text], refused: false, notes };
  const calls = new Map<number, string>();
  const emit = (delta: Delta): void => {
    if (delta.kind === "tool-open") calls.set(delta.tool, "");
    if (delta.kind === "tool-args") calls.set(delta.tool, (calls.get(delta.tool) ?? "") + delta.text);
  };
  stage.onDelta({ kind: "tool-open", choice: 0, tool: 0, id: "", name: tool?.name ?? "" }, emit);
  if (text !== "") stage.onDelta({ kind: "tool-args", choice: 0, tool: 0, text }, emit);
  stage.onDelta({ kind: "tool-close", choice: 0, tool: 0 }, emit);
  stage.onDelta({ kind: "finish", choice: 0, reason: options.finish }, emit);
  stage.onEnd(emit);
  return { text: [...calls.values()], refused: notes.some((note) => note.action === "refused"), notes };
}
