import { z } from "zod";
import type { Delta } from "../../core/delta.ts";
import { type Frame, makeFrame } from "../../wire/frame.ts";
import { defineFrameFix, type Emit, type FixContext, type FrameRule, type Hears, snippet } from "../fix.ts";
import { NEVER, type Wakes } from "../wakes.ts";

type Said = Extract<Delta, { kind: "text" | "reasoning" | "tool-args" }>;

/**
 * Bytes that are not UTF-8 and halves of a surrogate pair make strict readers throw. A pair that was
 * cut between two deltas is joined again; what stays broken becomes U+FFFD.
 */
export const invalidUnicode = defineFrameFix({
  name: "invalid_unicode",
  summary: "Characters cut between two deltas are joined; bytes that are no UTF-8 and lone surrogates become U+FFFD",
  defaultMode: "fix",
  holds: "a short token",
  example: { before: '"\\ud83d" then "\\ude80"', after: '"" then "🚀"' },
  source: "xorbitsai/inference#3986",
  options: z.strictObject({}),
  start: (context) => (context.dialect.tools ? new InvalidUnicode(context) : undefined),
});

const HEARS = ["text", "reasoning", "tool-open", "tool-args", "tool-close", "finish", "error", "done"] as const;

class InvalidUnicode implements FrameRule {
  get hears(): Hears {
    return HEARS;
  }
  get wakes(): Wakes {
    return NEVER;
  }
  readonly #context: FixContext;
  /** Deltas that end in the first half of a pair, cut down to that half. */
  #halves: Map<string, Said> | undefined;

  constructor(context: FixContext) {
    this.#context = context;
  }

  onOddFrame(frame: Frame): readonly Frame[] | undefined {
    if (!frame.data?.includes("\uFFFD") || isUtf8(frame.raw)) return undefined;
    this.#context.note({ action: "fixed", target: "frame", rule: "not-utf8", after: snippet(frame.data) });
    return [makeFrame(frame.data, frame.event)];
  }

  onDelta(delta: Delta, emit: Emit): void {
    if (delta.kind === "text" || delta.kind === "reasoning" || delta.kind === "tool-args") {
      if (!this.#halves && delta.text.isWellFormed()) emit(delta);
      else this.#whole(delta, emit);
      return;
    }
    this.onEnd(emit);
    emit(delta);
  }

  onEnd(emit: Emit): void {
    const halves = this.#halves;
    this.#halves = undefined;
    for (const half of halves?.values() ?? []) {
      this.#tell(half, "lone-surrogate");
      emit({ ...half, text: "\uFFFD" });
    }
  }

  #tell(delta: Said, rule: string): void {
    const target = delta.kind === "text" ? "content" : delta.kind === "reasoning" ? "reasoning" : "tool_call.arguments";
    const tool = delta.kind === "tool-args" ? { tool: delta.tool } : {};
    this.#context.note({ action: "fixed", target, rule, choice: delta.choice, ...tool });
  }

  #whole(delta: Said, emit: Emit): void {
    const key = delta.kind === "tool-args" ? `${delta.choice}/${delta.tool}` : `${delta.choice}/${delta.kind}`;
    const half = this.#halves?.get(key);
    if (!half && delta.text.isWellFormed()) return emit(delta);
    this.#halves?.delete(key);
    let text = (half?.text ?? "") + delta.text;
    const last = text.charCodeAt(text.length - 1);
    if (last >= 0xd800 && last <= 0xdbff) {
      (this.#halves ??= new Map()).set(key, { ...delta, text: text.slice(-1) });
      text = text.slice(0, -1);
    } else if (half) this.#tell(delta, "cut-pair");
    if (this.#halves?.size === 0) this.#halves = undefined;
    if (!text.isWellFormed()) this.#tell(delta, "lone-surrogate");
    if (text !== "") emit({ ...delta, text: text.toWellFormed() });
  }
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
