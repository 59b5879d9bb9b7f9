import { z } from "zod";
import { isObject, parseExact, type JsonObject } from "../../wire/json.ts";
import { defineFrameFix, snippet } from "../fix.ts";
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
  start({ dialect, note }) {
    const chat = dialect.name === "openai.chat_completions";
    if (!chat && dialect.name !== "openai.responses") return undefined;

    function spelled(holder: JsonObject, toolName: string, choice: number, tool: number): JsonObject {
      const value = holder["arguments"];
      if (typeof value === "string" || value === undefined) return holder;
      const text = value === null ? "" : JSON.stringify(value);
      note({
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
    const chatCalls = (payload: unknown, part: "delta" | "message") =>
      mapCalls(payload, part, (call, choice, position) => {
        const fn = functionOf(call);
        const same = spelled(fn, nameOf(call), choice, position);
        // A whole call without any arguments member is a call without arguments.
        if (part === "message" && isObject(call["function"]) && fn["arguments"] === undefined) {
          return withMember(call, "function", { ...fn, arguments: "" });
        }
        return same === fn ? call : withMember(call, "function", same);
      });
    const outputItems = (body: unknown) =>
      isObject(body) && Array.isArray(body["output"])
        ? withMember(
            body,
            "output",
            mapSame<unknown>(body["output"], (item, position) =>
              isObject(item) && item["type"] === "function_call" ? spelled(item, String(item["name"]), 0, position) : item,
            ),
          )
        : body;

    return {
      onPayload(payload, message) {
        if (!chat || !hasObject(payload)) return payload;
        // Written out as text: read again with every number as it was spelled. This rule runs first, so
        // the payload is still the frame's own.
        return chatCalls(exact(message.frame.data) ?? payload, "delta");
      },
      onDocument: (body) => (chat ? chatCalls(body, "message") : outputItems(body)),
    };
  },
});

/** Whether a call's arguments in this chunk are anything but text. */
function hasObject(payload: unknown): boolean {
  let found = false;
  mapCalls(payload, "delta", (call) => {
    const value = functionOf(call)["arguments"];
    found ||= value !== undefined && typeof value !== "string";
    return call;
  });
  return found;
}

function exact(data: string | undefined): unknown {
  try {
    return data === undefined ? undefined : parseExact(data);
  } catch {
    return undefined;
  }
}
