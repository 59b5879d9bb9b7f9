import { z } from "zod";
import type { Delta } from "../../core/delta.ts";
import type { Frame } from "../../wire/frame.ts";
import { isObject } from "../../wire/json.ts";
import { defineFrameFix, type Emit, type FixContext, type FrameRule, type Hears } from "../fix.ts";
import type { ReplyBook } from "./book.ts";
import { unendedData } from "./unended.ts";

/**
 * `[DONE]` and `message_stop` come once and last. One is added only behind a finish of every choice
 * that spoke: a stream without a finish was cut and must not look whole.
 */
export const endMark = defineFrameFix({
  name: "end_mark",
  summary: "A missing end mark is added behind a finish; a second one, and what follows it, is dropped",
  defaultMode: "fix",
  holds: "nothing",
  example: { before: "data: [DONE]\\n\\ndata: [DONE]\\n\\n", after: "data: [DONE]\\n\\n" },
  source: "ModelTC/LightLLM#1262 (missing)",
  options: z.strictObject({}),
  start(context) {
    const { name } = context.dialect;
    return name === "openai.chat_completions" || name === "anthropic.messages" ? new EndMark(context) : undefined;
  },
});

const HEARS = ["done"] as const;

class EndMark implements FrameRule {
  get hears(): Hears {
    return HEARS;
  }
  readonly #context: FixContext;
  readonly #book: ReplyBook;
  #done = false;
  #broken = false;

  constructor(context: FixContext) {
    this.#context = context;
    this.#book = context.book;
  }

  onOddFrame(frame: Frame, ended: boolean): undefined {
    if (ended && unendedData(frame) === undefined) this.#broken = true;
  }

  onPayload(payload: unknown): unknown {
    const late = this.#done && this.#context.dialect.name === "openai.chat_completions";
    if (!late || !isObject(payload) || "error" in payload) return payload;
    this.#context.note({ action: "fixed", target: "frame", rule: "after", reason: "a chunk after [DONE]" });
    return undefined;
  }

  onDelta(delta: Delta, emit: Emit): void {
    if (this.#done) return this.#context.note({ action: "fixed", target: "frame", rule: "twice" });
    this.#done = true;
    emit(delta);
  }

  onEnd(emit: Emit, cut: boolean): void {
    const choices = this.#book.choices;
    if (cut || this.#done || this.#broken || this.#book.failed || this.#book.whole) return;
    if (choices.length === 0 || choices.some((said) => !said.finished)) return;
    this.#context.note({ action: "fixed", target: "frame", rule: "missing" });
    emit({ kind: "done" });
  }
}
