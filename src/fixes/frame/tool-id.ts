import { z } from "zod";
import { asNumber, isObject, type JsonObject } from "../../wire/json.ts";
import { callId } from "../content/ids.ts";
import { defineFrameFix } from "../fix.ts";
import { mapCalls, mapSame, nameOf, withMember } from "./walk.ts";

/** Results go back to the model under the call's id: without one, or with one twice, clients cannot say which is which. */
export const toolId = defineFrameFix({
  name: "toolcall_id",
  summary: "Tool calls without an id, or with the id of another call, get one of their own",
  defaultMode: "fix",
  holds: "nothing",
  example: { before: '{"id":"","function":{"name":"get_weather",…}}', after: '{"id":"3tK…","function":{"name":"get_weather",…}}' },
  source: "lmstudio-ai/lmstudio-bug-tracker#830 (empty), ollama/ollama#12132 (missing)",
  options: z.strictObject({}),
  start({ dialect, request, note }) {
    if (!dialect.tools) return undefined;
    const used = new Set<string>();
    const opened = new Set<string>();
    let seed: string | undefined;

    /** `holder` with an id of its own under `key`. The same request and reply give the same id: replay needs it. */
    function identified(
      holder: JsonObject,
      key: "id" | "call_id",
      choice: number,
      tool: number,
      toolName: string,
      reply: unknown,
    ): JsonObject {
      const id = holder[key];
      const known = typeof id === "number" ? String(id) : id;
      if (typeof known === "string" && known !== "" && !used.has(known)) {
        used.add(known);
        return withMember(holder, key, known);
      }
      seed ??= JSON.stringify(request.body ?? null);
      const made = callId(`${seed}/${String(reply)}/${choice}/${tool}`);
      used.add(made);
      const rule = known === undefined || known === null || known === "" ? "missing" : "twice";
      note({ action: "fixed", target: "frame", rule, choice, tool, toolName, before: JSON.stringify(id ?? null), after: made });
      return { ...holder, [key]: made };
    }

    function chatDelta(payload: unknown): unknown {
      return mapCalls(payload, "delta", (call, choice, position) => {
        const tool = asNumber(call["index"]) ?? position;
        const key = `${choice}/${tool}`;
        if (opened.has(key)) return call;
        opened.add(key);
        return identified(call, "id", choice, tool, nameOf(call), replyId(payload));
      });
    }
    function messagesEvent(payload: unknown): unknown {
      if (!isObject(payload) || payload["type"] !== "content_block_start" || !isObject(payload["content_block"])) return payload;
      const block = payload["content_block"];
      if (block["type"] !== "tool_use") return payload;
      return withMember(payload, "content_block", identified(block, "id", 0, used.size, String(block["name"]), used.size));
    }
    function items(body: unknown, list: "content" | "output", type: string, key: "id" | "call_id"): unknown {
      if (!isObject(body) || !Array.isArray(body[list])) return body;
      const changed = mapSame<unknown>(body[list], (item) =>
        isObject(item) && item["type"] === type ? identified(item, key, 0, used.size, String(item["name"]), replyId(body)) : item,
      );
      return withMember(body, list, changed);
    }

    switch (dialect.name) {
      case "openai.chat_completions":
        return {
          onPayload: chatDelta,
          onDocument: (body) =>
            mapCalls(body, "message", (call, choice, position) => identified(call, "id", choice, position, nameOf(call), replyId(body))),
        };
      case "anthropic.messages":
        return { onPayload: messagesEvent, onDocument: (body) => items(body, "content", "tool_use", "id") };
      default:
        return { onDocument: (body) => items(body, "output", "function_call", "call_id") };
    }
  },
});

function replyId(body: unknown): unknown {
  return isObject(body) ? body["id"] : undefined;
}
