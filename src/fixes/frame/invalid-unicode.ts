import { z } from "zod";
import type { Delta } from "../../core/delta.ts";
import { makeFrame } from "../../wire/frame.ts";
import { defineFrameFix, snippet, type Emit } from "../fix.ts";

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
  start({ dialect, note }) {
    if (!dialect.tools) return undefined;
    /** A delta that ends in the first half of a pair, cut down to that half. */
    const halves = new Map<string, Said>();

    function tell(delta: Said, rule: string): void {
      const target = delta.kind === "text" ? "content" : delta.kind === "reasoning" ? "reasoning" : "tool_call.arguments";
      note({ action: "fixed", target, rule, choice: delta.choice, ...(delta.kind === "tool-args" ? { tool: delta.tool } : {}) });
    }
    function giveUp(emit: Emit): void {
      for (const half of halves.values()) {
        tell(half, "lone-surrogate");
        emit({ ...half, text: "\uFFFD" });
      }
      halves.clear();
    }
    function whole(delta: Said, emit: Emit): void {
      if (halves.size === 0 && delta.text.isWellFormed()) {
        emit(delta);
        return;
      }
      const key = delta.kind === "tool-args" ? `${delta.choice}/${delta.tool}` : `${delta.choice}/${delta.kind}`;
      const half = halves.get(key);
      if (!half && delta.text.isWellFormed()) {
        emit(delta);
        return;
      }
      halves.delete(key);
      let text = (half?.text ?? "") + delta.text;
      const last = text.charCodeAt(text.length - 1);
      if (last >= 0xd800 && last <= 0xdbff) {
        halves.set(key, { ...delta, text: text.slice(-1) });
        text = text.slice(0, -1);
      } else if (half) tell(delta, "cut-pair");
      if (!text.isWellFormed()) tell(delta, "lone-surrogate");
      if (text !== "") emit({ ...delta, text: text.toWellFormed() });
    }

    return {
      onOddFrame(frame) {
        if (!frame.data?.includes("\uFFFD") || isUtf8(frame.raw)) return undefined;
        note({ action: "fixed", target: "frame", rule: "not-utf8", after: snippet(frame.data) });
        return [makeFrame(frame.data, frame.event)];
      },
      onDelta(delta, emit) {
        if (delta.kind === "text" || delta.kind === "reasoning" || delta.kind === "tool-args") {
          whole(delta, emit);
          return;
        }
        if (halves.size > 0 && delta.kind !== "meta" && delta.kind !== "usage" && delta.kind !== "timings") giveUp(emit);
        emit(delta);
      },
      onEnd: (emit) => giveUp(emit),
    };
  },
});

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
