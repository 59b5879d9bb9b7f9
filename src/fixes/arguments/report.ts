import { snippet } from "../fix.ts";
import type { Container } from "./rule.ts";
import type { ActiveRule } from "./ruleset.ts";

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
  #heldMax = 0;

  constructor(call: CallPlace, stack: readonly Container[]) {
    this.#call = call;
    this.#stack = stack;
  }

  /** So many characters are held now. */
  held(count: number): void {
    if (count > this.#heldMax) this.#heldMax = count;
  }

  fixed(entry: ActiveRule, rule: string | undefined, before: string, after: string): void {
    entry.note({ ...this.#about(rule), action: "fixed", before: snippet(before), after: snippet(after), bytesHeldMax: this.#heldMax });
  }

  refused(entry: ActiveRule, reason: string, rule: string | undefined, before: string): void {
    entry.note({ ...this.#about(rule), action: "refused", reason, before: snippet(before), bytesHeldMax: this.#heldMax });
  }

  skipped(entry: ActiveRule, reason: string): void {
    entry.note({ ...this.#about(undefined), action: "skipped", reason });
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
