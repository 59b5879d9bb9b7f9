import { z } from "zod";
import { readTimings } from "../../dialects/openai.ts";
import { asArray, asNumber, isObject, type JsonObject } from "../../wire/json.ts";
import { defineFrameFix, type FixContext, type FrameRule } from "../fix.ts";
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
  start(context) {
    if (context.dialect.name === "openai.chat_completions") return new ChatUsage(context);
    return context.dialect.name === "anthropic.messages" ? new MessagesUsage(context) : undefined;
  },
});

class MessagesUsage implements FrameRule {
  readonly #context: FixContext;

  constructor(context: FixContext) {
    this.#context = context;
  }

  onSend(payload: unknown): unknown {
    if (!isObject(payload)) return payload;
    switch (payload["type"]) {
      case "message_start": {
        const { message } = payload;
        return isObject(message) ? withMember(payload, "message", this.#counted(message, ["input_tokens", "output_tokens"])) : payload;
      }
      case "message_delta":
        return this.#counted(payload, ["output_tokens"]);
      case "message": {
        const body = this.#counted(payload, ["input_tokens", "output_tokens"]);
        if (body["stop_sequence"] !== undefined) return body;
        this.#context.note({ action: "fixed", target: "frame", rule: "stop-sequence", pointer: "/stop_sequence", after: "null" });
        return { ...body, stop_sequence: null };
      }
      default:
        return payload;
    }
  }

  #counted(holder: JsonObject, keys: readonly string[]): JsonObject {
    const usage = isObject(holder["usage"]) ? holder["usage"] : {};
    const missing = keys.filter((key) => asNumber(usage[key]) === undefined);
    if (missing.length === 0) return holder;
    this.#context.note({ action: "fixed", target: "frame", rule: "usage", pointer: "/usage", after: missing.join(", ") });
    return { ...holder, usage: { ...usage, ...Object.fromEntries(missing.map((key) => [key, 0])) } };
  }
}

class ChatUsage implements FrameRule {
  readonly #context: FixContext;

  constructor(context: FixContext) {
    this.#context = context;
  }

  /** `usage` of a whole chat reply, or of the last chunk of a stream that was asked for it. */
  onSend(payload: unknown): unknown {
    if (!isObject(payload) || payload["timings"] === undefined || isObject(payload["usage"])) return payload;
    const timings = readTimings(payload["timings"]);
    if (timings?.promptN === undefined || timings.predictedN === undefined) return payload;
    const choices = asArray(payload["choices"]).filter(isObject);
    const whole = choices.some((choice) => isObject(choice["message"]));
    const last = choices.some((choice) => typeof choice["finish_reason"] === "string");
    if (!whole && !(last && this.#asked)) return payload;
    const cached = timings.cacheN ?? 0;
    const prompt = cached + timings.promptN;
    const usage = {
      completion_tokens: timings.predictedN,
      prompt_tokens: prompt,
      total_tokens: prompt + timings.predictedN,
      prompt_tokens_details: { cached_tokens: cached },
    };
    this.#context.note({ action: "fixed", target: "frame", rule: "from-timings", pointer: "/usage", after: JSON.stringify(usage) });
    return { ...payload, usage };
  }

  get #asked(): boolean {
    const { body } = this.#context.request;
    const options = isObject(body) ? body["stream_options"] : undefined;
    return isObject(options) && options["include_usage"] === true;
  }
}
