import { z } from "zod";
import { isObject, type JsonObject } from "../../wire/json.ts";
import { defineFrameFix } from "../fix.ts";
import { withMember } from "./walk.ts";

/**
 * Messages clients read `usage.input_tokens` and `stop_sequence` unasked and crash without them. The
 * zeros are for the client alone: they are kept out of the deltas, so no statistics ever see them.
 */
export const usageMissing = defineFrameFix({
  name: "usage_missing",
  summary: "A Messages reply without usage gets zeros, one without stop_sequence gets null",
  defaultMode: "fix",
  holds: "nothing",
  example: {
    before: '{"type":"message",…,"stop_reason":"end_turn"}',
    after: '{…,"stop_sequence":null,"usage":{"input_tokens":0,"output_tokens":0}}',
  },
  source: "Alishahryar1/free-claude-code#121, ogx-ai/ogx#5521 (stop_sequence)",
  options: z.strictObject({}),
  start({ dialect, note }) {
    if (dialect.name !== "anthropic.messages") return undefined;
    /** Set while the deltas of a message with made-up counts go by. */
    let madeUp = false;

    function counted(holder: JsonObject, keys: readonly string[]): JsonObject {
      const usage = isObject(holder["usage"]) ? holder["usage"] : {};
      const missing = keys.filter((key) => typeof usage[key] !== "number" && !isObject(usage[key]));
      if (missing.length === 0) return holder;
      madeUp = true;
      note({ action: "fixed", target: "frame", rule: "usage", pointer: "/usage", after: missing.join(", ") });
      return { ...holder, usage: { ...usage, ...Object.fromEntries(missing.map((key) => [key, 0])) } };
    }

    return {
      onPayload(payload) {
        madeUp = false;
        if (!isObject(payload)) return payload;
        if (payload["type"] === "message_start" && isObject(payload["message"])) {
          return withMember(payload, "message", counted(payload["message"], ["input_tokens", "output_tokens"]));
        }
        return payload["type"] === "message_delta" ? counted(payload, ["output_tokens"]) : payload;
      },
      onDelta(delta, emit) {
        if (!(madeUp && delta.kind === "usage")) emit(delta);
      },
      onDocument(body) {
        if (!isObject(body) || body["type"] !== "message") return body;
        const withUsage = counted(body, ["input_tokens", "output_tokens"]);
        if (withUsage["stop_sequence"] !== undefined) return withUsage;
        note({ action: "fixed", target: "frame", rule: "stop-sequence", pointer: "/stop_sequence", after: "null" });
        return { ...withUsage, stop_sequence: null };
      },
    };
  },
});
