import { z } from "zod";
import type { Message } from "../../dialects/dialect.ts";
import { isObject, parseExact, type JsonObject } from "../../wire/json.ts";
import { defineFrameFix, type FixContext, type FrameRule, snippet } from "../fix.ts";
import { functionOf, mapCalls, mapSame, nameOf, withMember } from "./walk.ts";

/** Arguments are JSON text by contract; some builds and converters send the object itself, or null. */
export const argumentsObject = defineFrameFix({
  name: "toolcall_arguments_object",
  summary: "Arguments sent as a JSON object become the string that clients expect",
  defaultMode: "fix",
  holds: "nothing",
  example: { before: '{"arguments":{"location":"Paris"}}', after: '{"arguments":"{\\"location\\":\\"Paris\\"}"}' },
  source: "ggml-org/llama.cpp#20198 (build 8233), ollama/ollama#12132, langchain-ai/langchain#34190 (null)",
  options: z.strictObject({}),
  start(context) {
    if (context.dialect.name === "openai.chat_completions") return new ChatArguments(context);
    return context.dialect.name === "openai.responses" ? { onDocument: (body) => outputItems(body, context) } : undefined;
  },
});

class ChatArguments implements FrameRule {
  readonly #context: FixContext;

  constructor(context: FixContext) {
    this.#context = context;
  }

  onPayload(payload: unknown, message: Message): unknown {
    if (!hasObject(payload)) return payload;
    // Written out as text: read again with every number as it was spelled. This rule runs first, so
    // the payload is still the frame's own.
    return this.#spelled(exact(message.frame.data) ?? payload, "delta");
  }

  onDocument(body: unknown): unknown {
    return this.#spelled(body, "message");
  }

  #spelled(payload: unknown, part: "delta" | "message"): unknown {
    return mapCalls(payload, part, (call, choice, position) => {
      const fn = functionOf(call);
      const same = spelled(fn, nameOf(call), choice, position, this.#context);
      // A whole call without any arguments member is a call without arguments.
      if (part === "message" && isObject(call["function"]) && fn["arguments"] === undefined) {
        return withMember(call, "function", { ...fn, arguments: "" });
      }
      return same === fn ? call : withMember(call, "function", same);
    });
  }
}

function outputItems(body: unknown, context: FixContext): unknown {
  if (!isObject(body) || !Array.isArray(body["output"])) return body;
  const items = mapSame<unknown>(body["output"], (item, position) =>
    isObject(item) && item["type"] === "function_call" ? spelled(item, String(item["name"]), 0, position, context) : item,
  );
  return withMember(body, "output", items);
}

function spelled(holder: JsonObject, toolName: string, choice: number, tool: number, context: FixContext): JsonObject {
  const value = holder["arguments"];
  if (typeof value === "string" || value === undefined) return holder;
  const text = value === null ? "" : JSON.stringify(value);
  context.note({
    action: "fixed",
    target: "tool_call.arguments",
    rule: value === null ? "null" : "object",
    choice,
    tool,
    toolName,
    before: snippet(JSON.stringify(value)),
    after: snippet(JSON.stringify(text)),
  });
  return { ...holder, arguments: text };
}

/** Whether a call's arguments in this chunk are anything but text. Asked of every chunk. */
function hasObject(payload: unknown): boolean {
  if (!isObject(payload) || !Array.isArray(payload["choices"])) return false;
  for (const choice of payload["choices"] as unknown[]) {
    const said = isObject(choice) ? choice["delta"] : undefined;
    if (!isObject(said) || !Array.isArray(said["tool_calls"])) continue;
    for (const call of said["tool_calls"] as unknown[]) {
      const value = isObject(call) ? functionOf(call)["arguments"] : undefined;
      if (value !== undefined && typeof value !== "string") return true;
    }
  }
  return false;
}

function exact(data: string | undefined): unknown {
  try {
    return data === undefined ? undefined : parseExact(data);
  } catch {
    return undefined;
  }
}
