import type { Note } from "../fix.ts";
import type { CallPlace } from "./report.ts";
import { type ArgumentRule, type CallTool, type HookName, HOOKS } from "./rule.ts";
import type { Shape } from "./schema.ts";

/** A rule at work in one reply. */
export interface ActiveRule {
  readonly name: string;
  readonly rule: ArgumentRule;
  readonly note: Note;
  /** It threw, and is cut out for this reply. */
  broken: boolean;
}

/** The rules of one reply, by the hooks they have. */
export interface RuleSet {
  readonly all: readonly ActiveRule[];
  readonly by: Readonly<Record<HookName, readonly ActiveRule[]>>;
}

export function createRuleSet(all: readonly ActiveRule[]): RuleSet {
  const by = Object.fromEntries(HOOKS.map((hook) => [hook, all.filter((entry) => entry.rule[hook])]));
  return { all, by: by as Record<HookName, ActiveRule[]> };
}

/** What a machine is set up with. */
export interface MachineOptions {
  readonly tool: CallTool;
  readonly rules: RuleSet;
  /** What the whole value must be. */
  readonly shape: Shape;
  /** Where the machine stands in the call's arguments, for notes: choice, tool, toolName. */
  readonly where: CallPlace;
  /** `value`: reads any value (a nested text of its own); `start`: a call's arguments. */
  readonly from: "start" | "value";
  /** How many machines this one runs inside of. */
  readonly level: number;
  /** What of the call was sent before the last push; undefined when that is too much to keep. */
  readonly sent: () => string | undefined;
}
