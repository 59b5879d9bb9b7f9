import { z } from "zod";
import { asArray, asNumber, isObject, type JsonObject } from "../../wire/json.ts";
import { defineFrameFix } from "../fix.ts";
import { mapCalls, mapChoices } from "./walk.ts";

/**
 * The members that clients read unasked: `role` once, `type` of a call, `content` of a whole message.
 * Null content stays null, it is legal beside calls; so does `tool_calls: []`.
 */
export const messageShape = defineFrameFix({
  name: "message_shape",
  summary: "A missing role, call type or content member is put in; a role repeated with every piece of text is taken out",
  defaultMode: "fix",
  holds: "nothing",
  example: {
    before: '{"message":{"tool_calls":[{"function":…}]}}',
    after: '{"message":{"role":"assistant","content":null,"tool_calls":[{"type":"function",…}]}}',
  },
  source: "LM Studio (members missing), ModelTC/LightLLM#1262 (role on every chunk)",
  options: z.strictObject({}),
  start({ dialect, note }) {
    if (dialect.name !== "openai.chat_completions") return undefined;
    const spoken = new Set<number>();
    const opened = new Set<string>();
    const told = new Set<string>();

    function tell(rule: string, choice: number): void {
      if (told.has(rule)) return;
      told.add(rule);
      note({ action: "fixed", target: "frame", rule, choice });
    }
    function typed(call: JsonObject, choice: number): JsonObject {
      if (typeof call["type"] === "string" && call["type"] !== "") return call;
      tell("type-missing", choice);
      return { ...call, type: "function" };
    }
    function roleOnce(delta: JsonObject, choice: number): JsonObject {
      if (!spoken.has(choice)) {
        if (Object.keys(delta).length === 0) return delta;
        spoken.add(choice);
        if (typeof delta["role"] === "string" && delta["role"] !== "") return delta;
        tell("role-missing", choice);
        return { ...delta, role: "assistant" };
      }
      // llama-server itself repeats the role in frames that say nothing (`return_progress`): those stay.
      const says = Boolean(delta["content"]) || asArray(delta["tool_calls"]).length > 0;
      if (!says || typeof delta["role"] !== "string") return delta;
      tell("role-repeated", choice);
      const { role: _role, ...rest } = delta;
      return rest;
    }

    return {
      onPayload(payload) {
        const roled = mapChoices(payload, "delta", roleOnce);
        return mapCalls(roled, "delta", (call, choice, position) => {
          const key = `${choice}/${asNumber(call["index"]) ?? position}`;
          if (opened.has(key)) return call;
          opened.add(key);
          return typed(call, choice);
        });
      },
      onDocument(body) {
        if (!isObject(body)) return body;
        const calls = mapCalls(body, "message", typed);
        return mapChoices(calls, "message", (message, choice) => {
          const added: JsonObject = {};
          if (typeof message["role"] !== "string" || message["role"] === "") added["role"] = "assistant";
          if (message["content"] === undefined) added["content"] = asArray(message["tool_calls"]).length > 0 ? null : "";
          if (Object.keys(added).length === 0) return message;
          tell(`${Object.keys(added).join("-and-")}-missing`, choice);
          return { ...message, ...added };
        });
      },
    };
  },
});
