import { z } from "zod";
import { asArray, asNumber, isObject, type JsonObject } from "../../wire/json.ts";
import { defineFrameFix, type FixContext, type FrameRule } from "../fix.ts";
import { CallTable, mapCalls, mapChoices } from "./walk.ts";

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
  start: (context) => (context.dialect.name === "openai.chat_completions" ? new MessageShape(context) : undefined),
});

class MessageShape implements FrameRule {
  readonly #context: FixContext;
  /** The choice that spoke last, and with more than one choice all that have. */
  #speaker = -1;
  #spoken: Set<number> | undefined;
  #opened: CallTable<true> | undefined;
  #told: Set<string> | undefined;

  constructor(context: FixContext) {
    this.#context = context;
  }

  onPayload(payload: unknown): unknown {
    return mapChoices(payload, "delta", this.#roleOnce);
  }

  onCall(call: JsonObject, choice: number, position: number): JsonObject {
    const opened = (this.#opened ??= new CallTable());
    const tool = asNumber(call["index"]) ?? position;
    if (opened.get(choice, tool)) return call;
    opened.set(choice, tool, true);
    return this.#typed(call, choice);
  }

  onDocument(body: unknown): unknown {
    if (!isObject(body)) return body;
    const calls = mapCalls(body, "message", (call, choice) => this.#typed(call, choice));
    return mapChoices(calls, "message", (message, choice) => {
      const added: JsonObject = {};
      if (typeof message["role"] !== "string" || message["role"] === "") added["role"] = "assistant";
      if (message["content"] === undefined) added["content"] = asArray(message["tool_calls"]).length > 0 ? null : "";
      if (Object.keys(added).length === 0) return message;
      this.#tell(`${Object.keys(added).join("-and-")}-missing`, choice);
      return { ...message, ...added };
    });
  }

  #tell(rule: string, choice: number): void {
    const told = (this.#told ??= new Set());
    if (told.has(rule)) return;
    told.add(rule);
    this.#context.note({ action: "fixed", target: "frame", rule, choice });
  }

  #typed(call: JsonObject, choice: number): JsonObject {
    if (typeof call["type"] === "string" && call["type"] !== "") return call;
    this.#tell("type-missing", choice);
    return { ...call, type: "function" };
  }

  #hasSpoken(choice: number): boolean {
    if (choice === this.#speaker) return true;
    if (!this.#spoken?.has(choice)) return false;
    this.#speaker = choice;
    return true;
  }

  readonly #roleOnce = (delta: JsonObject, choice: number): JsonObject => {
    if (!this.#hasSpoken(choice)) {
      if (Object.keys(delta).length === 0) return delta;
      if (this.#speaker !== -1) (this.#spoken ??= new Set([this.#speaker])).add(choice);
      this.#speaker = choice;
      if (typeof delta["role"] === "string" && delta["role"] !== "") return delta;
      this.#tell("role-missing", choice);
      return { ...delta, role: "assistant" };
    }
    // llama-server itself repeats the role in frames that say nothing (`return_progress`): those stay.
    if (typeof delta["role"] !== "string" || !(Boolean(delta["content"]) || asArray(delta["tool_calls"]).length > 0)) return delta;
    this.#tell("role-repeated", choice);
    const { role: _role, ...rest } = delta;
    return rest;
  };
}
