import { z } from "zod";
import type { Frame } from "../../wire/frame.ts";
import { defineFrameFix, type Emit, type FixContext, type FrameRule, snippet } from "../fix.ts";
import type { ReplyBook } from "./book.ts";
import { saysSomething, unendedData } from "./unended.ts";

/**
 * A body that ends in the middle, though HTTP says it is whole, must not be taken for an answer:
 * several clients run a half-written call. The half frame is dropped and an error says so.
 */
export const cutStream = defineFrameFix({
  name: "cut_stream",
  summary: "A stream that ends inside a frame or inside a call's arguments ends with an error instead of silently",
  defaultMode: "fix",
  holds: "nothing",
  example: { before: 'data: {"choices":[{"del', after: 'data: {"error":{"code":500,"message":"the reply was cut off …"}}\\n\\n' },
  source: "SamSaffron/term-llm#448",
  options: z.strictObject({}),
  start: (context) => (context.dialect.tools ? new CutStream(context) : undefined),
});

class CutStream implements FrameRule {
  readonly #context: FixContext;
  readonly #book: ReplyBook;
  #inFrame = false;

  constructor(context: FixContext) {
    this.#context = context;
    this.#book = context.book;
  }

  onOddFrame(frame: Frame, ended: boolean): readonly Frame[] | undefined {
    if (!ended || unendedData(frame) || !saysSomething(frame)) return undefined;
    this.#inFrame = true;
    const before = snippet(new TextDecoder().decode(frame.raw));
    this.#context.note({ action: "refused", target: "frame", rule: "half-frame", before });
    return [];
  }

  onEnd(emit: Emit, cut: boolean): void {
    // Where the backend broke off, the sidecar itself ends the stream with an error.
    if (cut) return;
    const inCall = !this.#book.whole && !this.#book.over && this.#book.choices.some((said) => said.isCut);
    if (!this.#inFrame && !inCall) return;
    if (!this.#inFrame) this.#context.note({ action: "refused", target: "frame", rule: "half-call" });
    emit({ kind: "error", message: `the reply was cut off inside ${this.#inFrame ? "an event" : "a tool call"}`, type: "upstream_error" });
  }
}
