import type { ArgumentFix, FixMode, Note, PlannedFix } from "../fix.ts";
import type { NoteBy } from "../notes.ts";
import { type BodyWakes, bodyWakes } from "./body.ts";
import type { CallPlace } from "./report.ts";
import { type ArgumentRule, type CallTool, type HookName, HOOKS } from "./rule.ts";
import type { Shape } from "./schema.ts";

/** A rule as planned. */
export interface ActiveRule {
  readonly name: string;
  readonly mode: FixMode;
  readonly rule: ArgumentRule;
}

/** The rules of a plan, by the hooks they have; the same for every reply. */
export interface ArgumentTables {
  readonly all: readonly ActiveRule[];
  readonly by: Readonly<Record<HookName, readonly ActiveRule[]>>;
  readonly names: readonly ActiveRule[];
  readonly pieces: readonly ActiveRule[];
  /** The rule that drops repeated calls. */
  readonly repeats: ActiveRule | undefined;
  readonly body: BodyWakes;
}

export function argumentTables(plan: readonly PlannedFix[]): ArgumentTables {
  const all = plan.map(({ fix, mode, options }): ActiveRule => {
    return { name: fix.name, mode, rule: (fix as ArgumentFix).rule(options as never) };
  });
  const having = (member: keyof ArgumentRule) => all.filter((entry) => entry.rule[member]);
  return {
    all,
    by: Object.fromEntries(HOOKS.map((hook) => [hook, having(hook)])) as Record<HookName, ActiveRule[]>,
    names: having("name"),
    pieces: having("piece"),
    repeats: having("repeats")[0],
    body: bodyWakes(having("mark").length > 0),
  };
}

/** The rules at work in one reply, or in a text inside it: which are cut out, and where their notes go. */
export class RuleSet {
  readonly tables: ArgumentTables;
  readonly #noteBy: NoteBy;
  #broken: Set<ActiveRule> | undefined;

  constructor(tables: ArgumentTables, noteBy: NoteBy) {
    this.tables = tables;
    this.#noteBy = noteBy;
  }

  note(entry: ActiveRule, note: Parameters<Note>[0]): void {
    this.#noteBy(entry.name, entry.mode)(note);
  }
  /** It threw, and is cut out for this reply. */
  cutOut(entry: ActiveRule): void {
    (this.#broken ??= new Set()).add(entry);
  }
  works(entry: ActiveRule): boolean {
    return this.#broken === undefined || !this.#broken.has(entry);
  }
  /** The same rules, their notes going elsewhere. */
  reportingTo(noteBy: NoteBy): RuleSet {
    const other = new RuleSet(this.tables, noteBy);
    if (this.#broken) other.#broken = new Set(this.#broken);
    return other;
  }
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
  /** The call as sent before the last push; without it, or above a limit, that is not known. */
  readonly call: { readonly sent: string | undefined } | undefined;
}
