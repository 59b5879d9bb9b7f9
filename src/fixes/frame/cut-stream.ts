import { z } from "zod";
import { defineFrameFix, snippet } from "../fix.ts";
import { JsonProgress } from "./progress.ts";
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
  start({ dialect, note }) {
    if (!dialect.tools) return undefined;
    const calls = new Map<string, JsonProgress>();
    let inFrame = false;
    let over = false;

    return {
      onDocument(body) {
        over = true;
        return body;
      },
      onOddFrame(frame, ended) {
        if (!ended || unendedData(frame) || !saysSomething(frame)) return undefined;
        inFrame = true;
        note({ action: "refused", target: "frame", rule: "half-frame", before: snippet(new TextDecoder().decode(frame.raw)) });
        return [];
      },
      onDelta(delta, emit) {
        if (delta.kind === "tool-open") calls.set(`${delta.choice}/${delta.tool}`, new JsonProgress());
        else if (delta.kind === "tool-args") calls.get(`${delta.choice}/${delta.tool}`)?.feed(delta.text);
        else if (delta.kind === "finish" || delta.kind === "done" || delta.kind === "error") over = true;
        emit(delta);
      },
      onEnd(emit, cut) {
        // Where the backend broke off, the sidecar itself ends the stream with an error.
        if (cut) return;
        const inCall = !over && [...calls.values()].some((progress) => !progress.whole && !progress.empty);
        if (!inFrame && !inCall) return;
        if (!inFrame) note({ action: "refused", target: "frame", rule: "half-call" });
        emit({
          kind: "error",
          message: `the reply was cut off inside ${inFrame ? "an event" : "a tool call"}`,
          type: "upstream_error",
        });
      },
    };
  },
});
