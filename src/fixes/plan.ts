/** What a plan says, sorted once: thousands of replies go by the same plan. */
import { argumentTables, type ArgumentTables } from "./arguments/ruleset.ts";
import { contentTables, type ContentTables } from "./content/tables.ts";
import type { FixMode, FixPlan, FrameFix, PlannedFix } from "./fix.ts";

export interface PlannedFrameFix {
  readonly fix: FrameFix;
  readonly mode: FixMode;
  readonly options: unknown;
}

export class PlanTables {
  readonly plan: FixPlan;
  readonly frame: readonly PlannedFrameFix[];
  readonly hasContent: boolean;
  readonly hasArguments: boolean;
  #content: ContentTables | undefined;
  #args: ArgumentTables | undefined;

  constructor(plan: FixPlan) {
    this.plan = plan;
    this.hasContent = plan.some(({ fix }) => fix.kind === "content");
    this.hasArguments = plan.some(({ fix }) => fix.kind === "arguments");
    this.frame = plan.flatMap(({ fix, mode, options }) => (fix.kind === "frame" ? [{ fix, mode, options }] : []));
  }

  /** Throws what a content fix throws that cannot be set up. */
  get content(): ContentTables {
    return (this.#content ??= contentTables(this.#of("content")));
  }
  /** The same for arguments fixes. */
  get args(): ArgumentTables {
    return (this.#args ??= argumentTables(this.#of("arguments")));
  }

  #of(kind: PlannedFix["fix"]["kind"]): FixPlan {
    return this.plan.filter((entry) => entry.fix.kind === kind);
  }
}

/** By the plan's last fix: plans are filtered anew for every reply, but their members stay the same. */
const known = new WeakMap<PlannedFix, PlanTables>();

export function tablesOf(plan: FixPlan): PlanTables {
  const last = plan.at(-1);
  const tables = last && known.get(last);
  if (tables && samePlan(tables.plan, plan)) return tables;
  const made = new PlanTables(plan);
  if (last) known.set(last, made);
  return made;
}

function samePlan(a: FixPlan, b: FixPlan): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
