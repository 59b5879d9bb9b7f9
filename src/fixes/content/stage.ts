import type { Delta, RequestView } from "../../core/delta.ts";
import type { Emit, PlannedFix, Said, Stage } from "../fix.ts";
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
  readonly #choices: ContentChoice[] = [];
  /** By index, where there is more than one. */
  #byIndex: Map<number, ContentChoice> | undefined;
  /** The choice that spoke last. */
  #last: ContentChoice | undefined;

  constructor(shared: ContentShared) {
    this.#shared = shared;
  }

  get held(): number {
    if (this.#choices.length === 1) return this.#last?.held ?? 0;
    let held = 0;
    for (const choice of this.#choices) held += choice.held;
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
        for (const choice of this.#choices) choice.settle("stop", emit);
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
    for (const choice of this.#choices) choice.settle("cut", emit);
  }

  release(emit: Emit): void {
    for (const choice of this.#choices) choice.release(emit);
  }

  #choice(index: number): ContentChoice {
    if (this.#last?.index === index) return this.#last;
    let choice = this.#byIndex?.get(index);
    if (!choice) {
      if (this.#last) this.#byIndex ??= new Map([[this.#last.index, this.#last]]);
      choice = new ContentChoice(index, this.#shared);
      this.#byIndex?.set(index, choice);
      this.#choices.push(choice);
    }
    return (this.#last = choice);
  }
}
