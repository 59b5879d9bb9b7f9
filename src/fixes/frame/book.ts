import type { Delta } from "../../core/delta.ts";
import { ByChoice } from "../by-choice.ts";
import { JsonProgress } from "./progress.ts";

/** What one choice of a reply has said. */
export class ChoiceBook {
  readonly index: number;
  finished = false;
  #calls: Map<number, JsonProgress> | undefined;
  /** The call asked for last: pieces of one call come in a row. */
  #tool = -1;
  #progress: JsonProgress | undefined;

  constructor(index: number) {
    this.index = index;
  }

  get hasCalls(): boolean {
    return this.#calls !== undefined;
  }
  /** The arguments of a call have begun and are not whole. */
  get isCut(): boolean {
    for (const progress of this.#calls?.values() ?? []) if (!progress.whole && !progress.empty) return true;
    return false;
  }

  open(tool: number): void {
    this.#tool = tool;
    this.#progress = new JsonProgress();
    (this.#calls ??= new Map()).set(tool, this.#progress);
  }
  feed(tool: number, text: string): void {
    if (tool !== this.#tool) {
      this.#tool = tool;
      this.#progress = this.#calls?.get(tool);
    }
    this.#progress?.feed(text);
  }
}

/** What a reply has said so far, kept once for all rules that judge its end. */
export class ReplyBook {
  readonly #choices = new ByChoice<ChoiceBook>();
  /** An error was said. */
  failed = false;
  /** A finish, an end mark or an error was said. */
  over = false;
  /** The reply came as one body: nothing of it is still to come, and it needs no end mark. */
  whole = false;

  get choices(): readonly ChoiceBook[] {
    return this.#choices.all;
  }

  track(delta: Delta): void {
    switch (delta.kind) {
      case "text":
      case "reasoning":
      case "tool-close":
        this.#of(delta.choice);
        break;
      case "tool-open":
        this.#of(delta.choice).open(delta.tool);
        break;
      case "tool-args":
        this.#of(delta.choice).feed(delta.tool, delta.text);
        break;
      case "finish":
        this.finish(delta.choice);
        break;
      case "error":
        this.failed = this.over = true;
        break;
      case "done":
        this.over = true;
        break;
      default:
        break;
    }
  }

  finish(choice: number): ChoiceBook {
    const said = this.#of(choice);
    said.finished = this.over = true;
    return said;
  }

  #of(choice: number): ChoiceBook {
    return this.#choices.find(choice) ?? this.#choices.add(new ChoiceBook(choice));
  }
}
