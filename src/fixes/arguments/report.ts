import { snippet } from "../fix.ts";
import type { Container } from "./rule.ts";
import type { ActiveRule, RuleSet } from "./ruleset.ts";

/** Which call the notes are about. */
export interface CallPlace {
  readonly choice?: number;
  readonly tool?: number;
  readonly toolName: string;
}

const MAX_POINTER = 1000;

/** Notes about one call's arguments, each with the place the machine stands at. */
export class Reporter {
  readonly #call: CallPlace;
  readonly #stack: readonly Container[];
  readonly #rules: RuleSet;
  #heldMax = 0;

  constructor(call: CallPlace, stack: readonly Container[], rules: RuleSet) {
    this.#call = call;
    this.#stack = stack;
    this.#rules = rules;
  }

  /** So many characters are held now. */
  held(count: number): void {
    if (count > this.#heldMax) this.#heldMax = count;
  }

  fixed(entry: ActiveRule, rule: string | undefined, before: string, after: string): void {
    const bytesHeldMax = this.#heldMax;
    this.#rules.note(entry, { ...this.#about(rule), action: "fixed", before: snippet(before), after: snippet(after), bytesHeldMax });
  }

  refused(entry: ActiveRule, reason: string, rule: string | undefined, before: string): void {
    const bytesHeldMax = this.#heldMax;
    this.#rules.note(entry, { ...this.#about(rule), action: "refused", reason, before: snippet(before), bytesHeldMax });
  }

  skipped(entry: ActiveRule, reason: string): void {
    this.#rules.note(entry, { ...this.#about(undefined), action: "skipped", reason });
  }

  #about(rule: string | undefined) {
    const steps = this.#stack.map((open) =>
      open.kind === "array" ? String(open.count) : open.key.replaceAll("~", "~0").replaceAll("/", "~1"),
    );
    const pointer = steps.map((each) => `/${each}`).join("");
    return {
      ...this.#call,
      target: "tool_call.arguments" as const,
      pointer: pointer.slice(0, MAX_POINTER),
      ...(rule === undefined ? {} : { rule }),
    };
  }
}
