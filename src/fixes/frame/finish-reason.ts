import { z } from "zod";
import type { Delta } from "../../core/delta.ts";
import { defineFrameFix, type Emit } from "../fix.ts";
import { JsonProgress } from "./progress.ts";

interface Said {
  readonly calls: Map<number, JsonProgress>;
  finished: boolean;
}

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
  start({ dialect, note }) {
    const words = WORDS[dialect.name];
    if (!words) return undefined;
    const choices = new Map<number, Said>();
    let failed = false;
    let whole = false;

    function of(choice: number): Said {
      let said = choices.get(choice);
      if (!said) choices.set(choice, (said = { calls: new Map(), finished: false }));
      return said;
    }
    const isCut = ({ calls }: Said) => [...calls.values()].some((progress) => !progress.whole && !progress.empty);

    function right(delta: Extract<Delta, { kind: "finish" }>, said: Said): Delta {
      const { reason, choice } = delta;
      const wanted = said.calls.size > 0 ? words?.calls : words?.plain;
      const contradicts = said.calls.size > 0 ? reason === words?.plain || reason === "" : reason === words?.calls;
      if (!contradicts || wanted === undefined) return delta;
      if (isCut(said)) {
        note({ action: "refused", target: "finish_reason", choice, before: reason, reason: "a call's arguments are not whole" });
        return delta;
      }
      note({ action: "fixed", target: "finish_reason", rule: "contradicts", choice, before: reason, after: wanted });
      return { ...delta, reason: wanted };
    }
    function addMissing(emit: Emit): void {
      for (const [choice, said] of choices) {
        if (said.finished || failed) continue;
        said.finished = true;
        if (isCut(said)) {
          note({ action: "refused", target: "finish_reason", choice, reason: "no finish, and a call's arguments are not whole" });
          continue;
        }
        const reason = said.calls.size > 0 ? words?.calls : words?.plain;
        if (reason === undefined) continue;
        note({ action: "fixed", target: "finish_reason", rule: "missing", choice, after: reason });
        emit({ kind: "finish", choice, reason });
      }
    }

    return {
      onDocument(body) {
        whole = true;
        return body;
      },
      onDelta(delta, emit) {
        switch (delta.kind) {
          case "text":
          case "reasoning":
            of(delta.choice);
            break;
          case "tool-open":
            of(delta.choice).calls.set(delta.tool, new JsonProgress());
            break;
          case "tool-args":
            of(delta.choice).calls.get(delta.tool)?.feed(delta.text);
            break;
          case "finish": {
            const said = of(delta.choice);
            said.finished = true;
            emit(right(delta, said));
            return;
          }
          case "error":
            failed = true;
            break;
          case "done":
            addMissing(emit);
            break;
          default:
            break;
        }
        emit(delta);
      },
      // A body that came whole has no end mark; a stream without one may have been cut.
      onEnd(emit) {
        if (whole) addMissing(emit);
      },
    };
  },
});

const WORDS: Readonly<Record<string, { readonly calls: string; readonly plain: string }>> = {
  "openai.chat_completions": { calls: "tool_calls", plain: "stop" },
  "anthropic.messages": { calls: "tool_use", plain: "end_turn" },
};
