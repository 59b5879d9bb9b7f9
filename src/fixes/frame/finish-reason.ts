import { z } from "zod";
import type { Delta } from "../../core/delta.ts";
import { defineFrameFix, type Emit, type FixContext, type FrameRule, type Hears } from "../fix.ts";
import type { ReplyBook } from "./book.ts";

/**
 * Agents act on the finish reason: `stop` beside calls and they drop the calls, `tool_calls` without
 * any and they loop. `length` is never touched, nor is a reply whose calls are not whole. A finish
 * that never came is put in only where the end mark proves that the reply was not cut.
 */
export const finishReason = defineFrameFix({
  name: "finish_reason",
  summary: "A finish reason that contradicts the calls is put right; one missing before the end mark is put in",
  defaultMode: "fix",
  holds: "nothing",
  example: { before: '{"delta":{},"finish_reason":"stop"} after a call', after: '{"delta":{},"finish_reason":"tool_calls"}' },
  source: "ollama/ollama#16212, mudler/LocalAI#6218, mastra-ai/mastra#14187, vllm-project/vllm#27572 (missing)",
  options: z.strictObject({}),
  start(context) {
    const words = WORDS[context.dialect.name];
    return words && new FinishReason(context, words);
  },
});

interface Words {
  readonly calls: string;
  readonly plain: string;
}

const HEARS = ["finish", "done"] as const;

class FinishReason implements FrameRule {
  get hears(): Hears {
    return HEARS;
  }
  readonly #context: FixContext;
  readonly #book: ReplyBook;
  readonly #words: Words;

  constructor(context: FixContext, words: Words) {
    this.#context = context;
    this.#book = context.book;
    this.#words = words;
  }

  onDelta(delta: Delta, emit: Emit): void {
    if (delta.kind === "done") this.#addMissing(emit);
    emit(delta.kind === "finish" ? this.#right(delta) : delta);
  }

  // A body that came whole has no end mark; a stream without one may have been cut.
  onEnd(emit: Emit): void {
    if (this.#book.whole) this.#addMissing(emit);
  }

  #right(delta: Extract<Delta, { kind: "finish" }>): Delta {
    const { reason, choice } = delta;
    const said = this.#book.finish(choice);
    const wanted = said.hasCalls ? this.#words.calls : this.#words.plain;
    const contradicts = said.hasCalls ? reason === this.#words.plain || reason === "" : reason === this.#words.calls;
    if (!contradicts) return delta;
    if (said.isCut) {
      this.#refuse(choice, reason, "a call's arguments are not whole");
      return delta;
    }
    this.#context.note({ action: "fixed", target: "finish_reason", rule: "contradicts", choice, before: reason, after: wanted });
    return { ...delta, reason: wanted };
  }

  #addMissing(emit: Emit): void {
    for (const said of this.#book.choices) {
      const choice = said.index;
      if (said.finished || this.#book.failed) continue;
      if (said.isCut) {
        this.#refuse(choice, undefined, "no finish, and a call's arguments are not whole");
        continue;
      }
      this.#book.finish(choice);
      const reason = said.hasCalls ? this.#words.calls : this.#words.plain;
      this.#context.note({ action: "fixed", target: "finish_reason", rule: "missing", choice, after: reason });
      emit({ kind: "finish", choice, reason });
    }
  }

  #refuse(choice: number, before: string | undefined, reason: string): void {
    const found = before === undefined ? {} : { before };
    this.#context.note({ action: "refused", target: "finish_reason", choice, ...found, reason });
  }
}

const WORDS: Readonly<Record<string, Words>> = {
  "openai.chat_completions": { calls: "tool_calls", plain: "stop" },
  "anthropic.messages": { calls: "tool_use", plain: "end_turn" },
};
