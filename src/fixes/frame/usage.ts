import { z } from "zod";
import { readTimings } from "../../dialects/openai.ts";
import { asArray, asNumber, isObject, type JsonObject } from "../../wire/json.ts";
import { defineFrameFix, type Note } from "../fix.ts";
import { withMember } from "./walk.ts";

/**
 * Messages clients read `usage.input_tokens` and `stop_sequence` unasked and crash without them. The
 * zeros are for the client alone: no statistics ever see them. In chat nobody crashes, and nothing is
 * made up: usage that is missing is only put in where llama-server's timings say what it is.
 */
export const usageMissing = defineFrameFix({
  name: "usage_missing",
  summary: "A chat reply without usage gets what its timings say; a Messages reply without usage gets zeros, without stop_sequence null",
  defaultMode: "fix",
  holds: "nothing",
  example: {
    before: '{"type":"message",…,"stop_reason":"end_turn"}',
    after: '{…,"stop_sequence":null,"usage":{"input_tokens":0,"output_tokens":0}}',
  },
  source: "Alishahryar1/free-claude-code#121, ogx-ai/ogx#5521 (stop_sequence)",
  options: z.strictObject({}),
  start({ dialect, request, note }) {
    if (dialect.name === "openai.chat_completions") {
      const options = isObject(request.body) ? request.body["stream_options"] : undefined;
      const asked = isObject(options) && options["include_usage"] === true;
      return { onSend: (payload) => fromTimings(payload, asked, note) };
    }
    if (dialect.name !== "anthropic.messages") return undefined;

    function counted(holder: JsonObject, keys: readonly string[]): JsonObject {
      const usage = isObject(holder["usage"]) ? holder["usage"] : {};
      const missing = keys.filter((key) => asNumber(usage[key]) === undefined);
      if (missing.length === 0) return holder;
      note({ action: "fixed", target: "frame", rule: "usage", pointer: "/usage", after: missing.join(", ") });
      return { ...holder, usage: { ...usage, ...Object.fromEntries(missing.map((key) => [key, 0])) } };
    }

    return {
      onSend(payload) {
        if (!isObject(payload)) return payload;
        switch (payload["type"]) {
          case "message_start": {
            const { message } = payload;
            return isObject(message) ? withMember(payload, "message", counted(message, ["input_tokens", "output_tokens"])) : payload;
          }
          case "message_delta":
            return counted(payload, ["output_tokens"]);
          case "message": {
            const body = counted(payload, ["input_tokens", "output_tokens"]);
            if (body["stop_sequence"] !== undefined) return body;
            note({ action: "fixed", target: "frame", rule: "stop-sequence", pointer: "/stop_sequence", after: "null" });
            return { ...body, stop_sequence: null };
          }
          default:
            return payload;
        }
      },
    };
  },
});

/** `usage` of a whole chat reply, or of the last chunk of a stream that was asked for it. */
function fromTimings(payload: unknown, asked: boolean, note: Note): unknown {
  if (!isObject(payload) || isObject(payload["usage"])) return payload;
  const timings = readTimings(payload["timings"]);
  if (timings?.promptN === undefined || timings.predictedN === undefined) return payload;
  const choices = asArray(payload["choices"]).filter(isObject);
  const whole = choices.some((choice) => isObject(choice["message"]));
  const last = choices.some((choice) => typeof choice["finish_reason"] === "string");
  if (!whole && !(asked && last)) return payload;
  const cached = timings.cacheN ?? 0;
  const prompt = cached + timings.promptN;
  const usage = {
    completion_tokens: timings.predictedN,
    prompt_tokens: prompt,
    total_tokens: prompt + timings.predictedN,
    prompt_tokens_details: { cached_tokens: cached },
  };
  note({ action: "fixed", target: "frame", rule: "from-timings", pointer: "/usage", after: JSON.stringify(usage) });
  return { ...payload, usage };
}
