import { z } from "zod";
import { asNumber, asString, isObject, parseExact, type JsonObject } from "../../wire/json.ts";
import { defineFrameFix, snippet } from "../fix.ts";
import { mapSame, withMember } from "./walk.ts";

/** The block each kind of delta belongs in. */
const HOME: Readonly<Record<string, string>> = {
  text_delta: "text",
  thinking_delta: "thinking",
  signature_delta: "thinking",
  input_json_delta: "tool_use",
};

/**
 * Messages blocks are opened, filled with deltas of their own type, and closed before the message
 * ends. This rule only finds what breaks that; the dialect's writer, which keeps book of the blocks,
 * puts it right. Blocks that overlap are llama-server's normal way and stay.
 */
export const messagesBlocks = defineFrameFix({
  name: "messages_blocks",
  summary: "Messages blocks get deltas of their own type only, are opened before and closed after; tool_use input is an object",
  defaultMode: "fix",
  holds: "nothing",
  example: { before: "thinking_delta in a text block", after: "a thinking block of its own" },
  source: "BerriAI/litellm#33224, ollama/ollama#14825",
  options: z.strictObject({}),
  start(context) {
    if (context.dialect.name !== "anthropic.messages") return undefined;
    const types = new Map<number, string>();
    const open = new Set<number>();

    /** What is wrong with an event, undefined when nothing is. */
    function fault(payload: JsonObject): string | undefined {
      const index = asNumber(payload["index"]) ?? -1;
      switch (payload["type"]) {
        case "content_block_start": {
          const again = types.has(index);
          types.set(index, (isObject(payload["content_block"]) ? asString(payload["content_block"]["type"]) : undefined) ?? "text");
          open.add(index);
          return again ? "index-twice" : undefined;
        }
        case "content_block_delta": {
          const home = HOME[(isObject(payload["delta"]) ? asString(payload["delta"]["type"]) : undefined) ?? ""];
          if (home === undefined || types.get(index) === home) return undefined;
          return types.has(index) ? "wrong-type" : "never-opened";
        }
        case "content_block_stop":
          return open.delete(index) ? undefined : "closed-twice";
        case "message_delta": {
          if (!isObject(payload["delta"]) || typeof payload["delta"]["stop_reason"] !== "string" || open.size === 0) return undefined;
          open.clear();
          return "never-closed";
        }
        default:
          return undefined;
      }
    }

    return {
      onPayload(payload) {
        if (!isObject(payload)) return payload;
        const rule = fault(payload);
        if (rule === undefined) return payload;
        context.note({ action: "fixed", target: "frame", rule, before: snippet(JSON.stringify(payload)) });
        // A copy is all it takes: the writer writes what is not the frame's own payload.
        return { ...payload };
      },
      onDocument(body) {
        if (!isObject(body) || !Array.isArray(body["content"])) return body;
        const content = mapSame<unknown>(body["content"], (block) => {
          if (!isObject(block) || block["type"] !== "tool_use" || typeof block["input"] !== "string") return block;
          const input = objectIn(block["input"]);
          if (!input) return block;
          context.note({ action: "fixed", target: "tool_call.arguments", rule: "input-string", before: snippet(block["input"]) });
          return { ...block, input };
        });
        const named = typeof body["type"] === "string" && typeof body["role"] === "string";
        if (!named) context.note({ action: "fixed", target: "frame", rule: "unnamed", after: "type, role" });
        return withMember(
          named ? body : { ...body, type: body["type"] ?? "message", role: body["role"] ?? "assistant" },
          "content",
          content,
        );
      },
    };
  },
});

function objectIn(text: string): JsonObject | undefined {
  try {
    const value = parseExact(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
