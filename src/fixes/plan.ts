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
  #content: ContentTables | undefined;
  #args: ArgumentTables | undefined;

  constructor(plan: FixPlan) {
    this.plan = plan;
    this.frame = plan.flatMap(({ fix, mode, options }) => (fix.kind === "frame" ? [{ fix, mode, options }] : []));
  }

  /** Undefined where the plan has no content fix. Throws what a fix throws that cannot be set up. */
  get content(): ContentTables | undefined {
    if (this.#content) return this.#content;
    const plan = this.#of("content");
    return plan.length === 0 ? undefined : (this.#content = contentTables(plan));
  }
  /** The same for arguments fixes. */
  get args(): ArgumentTables | undefined {
    if (this.#args) return this.#args;
    const plan = this.#of("arguments");
    return plan.length === 0 ? undefined : (this.#args = argumentTables(plan));
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
