import { z } from "zod";
import { isObject } from "../../wire/json.ts";
import { defineFrameFix } from "../fix.ts";
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
  start({ dialect, note }) {
    const chat = dialect.name === "openai.chat_completions";
    if (!chat && dialect.name !== "anthropic.messages") return undefined;
    const spoke = new Set<number>();
    const finished = new Set<number>();
    let done = false;
    let broken = false;
    let whole = false;

    return {
      onDocument(body) {
        whole = true;
        return body;
      },
      onOddFrame(frame, ended) {
        if (ended && unendedData(frame) === undefined) broken = true;
        return undefined;
      },
      onPayload(payload) {
        if (!chat || !done || !isObject(payload) || "error" in payload) return payload;
        note({ action: "fixed", target: "frame", rule: "after", reason: "a chunk after [DONE]" });
        return undefined;
      },
      onDelta(delta, emit) {
        if (delta.kind === "error") broken = true;
        else if (delta.kind === "finish") finished.add(delta.choice);
        else if ("choice" in delta) spoke.add(delta.choice);
        if (delta.kind === "done" && done) {
          note({ action: "fixed", target: "frame", rule: "twice" });
          return;
        }
        if (delta.kind === "done") done = true;
        emit(delta);
      },
      onEnd(emit, cut) {
        if (cut || done || broken || whole || finished.size === 0 || [...spoke].some((choice) => !finished.has(choice))) return;
        note({ action: "fixed", target: "frame", rule: "missing" });
        emit({ kind: "done" });
      },
    };
  },
});
