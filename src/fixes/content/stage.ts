import type { Delta, RequestView } from "../../core/delta.ts";
import type { Emit, PlannedFix, Said, Stage } from "../fix.ts";
import { ByChoice } from "../by-choice.ts";
import type { NoteBy } from "../notes.ts";
import { NEVER, type Wakes } from "../wakes.ts";
import { ContentChoice } from "./choice.ts";
import { ContentShared } from "./shared.ts";
import { contentTables, type ContentTables } from "./tables.ts";

/**
 * One scanner for the text and reasoning of a reply. Undefined when no rule has anything to do for
 * this request.
 */
export function createContentStage(plan: readonly PlannedFix[], request: RequestView, noteBy: NoteBy): Stage | undefined {
  return startContentStage(contentTables(plan), request, noteBy);
}

/** The same for a plan whose rules are already sorted. */
export function startContentStage(tables: ContentTables, request: RequestView, noteBy: NoteBy): Stage | undefined {
  const shared = new ContentShared(tables, request, noteBy);
  if (shared.calls.length === 0 && !shared.rules.tail && !shared.think) return undefined;
  return new ContentStage(shared);
}

class ContentStage implements Stage {
  readonly #shared: ContentShared;
  readonly #choices = new ByChoice<ContentChoice>();

  constructor(shared: ContentShared) {
    this.#shared = shared;
  }

  get held(): number {
    const { all } = this.#choices;
    let held = 0;
    for (let i = 0; i < all.length; i++) held += all[i]?.held ?? 0;
    return held;
  }

  onDelta(delta: Delta, emit: Emit): void {
    switch (delta.kind) {
      case "text":
      case "reasoning":
      case "tool-open":
      case "tool-args":
      case "tool-close":
      case "finish":
        return this.#choice(delta.choice).onDelta(delta, emit);
      case "meta":
        if (delta.id !== undefined) this.#shared.id = delta.id;
        break;
      case "done":
        // A clean end without a finish: what is whole is whole.
        for (const choice of this.#choices.all) choice.settle("stop", emit);
        break;
      case "error":
        this.onEnd(emit);
        break;
      default:
        break;
    }
    emit(delta);
  }

  wakes(delta: Said): Wakes | undefined {
    if (delta.kind === "tool-args") return NEVER;
    return this.#choice(delta.choice).sleeps(delta.kind) ? this.#shared.rules.marks.wakes : undefined;
  }

  onEnd(emit: Emit): void {
    for (const choice of this.#choices.all) choice.settle("cut", emit);
  }

  release(emit: Emit): void {
    for (const choice of this.#choices.all) choice.release(emit);
  }

  #choice(index: number): ContentChoice {
    return this.#choices.find(index) ?? this.#choices.add(new ContentChoice(index, this.#shared));
  }
}
