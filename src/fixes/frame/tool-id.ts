import { z } from "zod";
import { asNumber, isObject, type JsonObject } from "../../wire/json.ts";
import { callId } from "../content/ids.ts";
import { defineFrameFix, type FixContext, type FrameRule } from "../fix.ts";
import { CallTable, mapCalls, mapSame, nameOf, withMember } from "./walk.ts";

/** Results go back to the model under the call's id: without one, or with one twice, clients cannot say which is which. */
export const toolId = defineFrameFix({
  name: "toolcall_id",
  summary: "Tool calls without an id, or with the id of another call, get one of their own",
  defaultMode: "fix",
  holds: "nothing",
  example: { before: '{"id":"","function":{"name":"get_weather",…}}', after: '{"id":"3tK…","function":{"name":"get_weather",…}}' },
  source: "lmstudio-ai/lmstudio-bug-tracker#830 (empty), ollama/ollama#12132 (missing)",
  options: z.strictObject({}),
  start(context) {
    if (!context.dialect.tools) return undefined;
    const ids = new Ids(context);
    switch (context.dialect.name) {
      case "openai.chat_completions":
        return new ChatIds(ids);
      case "anthropic.messages":
        return { onPayload: (payload) => ids.ofEvent(payload), onDocument: (body) => ids.ofItems(body, "content", "tool_use", "id") };
      default:
        return { onDocument: (body) => ids.ofItems(body, "output", "function_call", "call_id") };
    }
  },
});

class ChatIds implements FrameRule {
  readonly #ids: Ids;
  #opened: CallTable<true> | undefined;

  constructor(ids: Ids) {
    this.#ids = ids;
  }

  onCall(call: JsonObject, choice: number, position: number, payload: unknown): JsonObject {
    const tool = asNumber(call["index"]) ?? position;
    const opened = (this.#opened ??= new CallTable());
    if (opened.get(choice, tool)) return call;
    opened.set(choice, tool, true);
    return this.#ids.identified(call, "id", choice, tool, nameOf(call), replyId(payload));
  }

  onDocument(body: unknown): unknown {
    return mapCalls(body, "message", (call, choice, position) =>
      this.#ids.identified(call, "id", choice, position, nameOf(call), replyId(body)),
    );
  }
}

/** The ids of one reply. */
class Ids {
  readonly #context: FixContext;
  #used: Set<string> | undefined;
  #seed: string | undefined;

  constructor(context: FixContext) {
    this.#context = context;
  }

  /** `holder` with an id of its own under `key`. The same request and reply give the same id: replay needs it. */
  identified(holder: JsonObject, key: "id" | "call_id", choice: number, tool: number, toolName: string, reply: unknown): JsonObject {
    const used = (this.#used ??= new Set());
    const id = holder[key];
    const known = typeof id === "number" ? String(id) : id;
    if (typeof known === "string" && known !== "" && !used.has(known)) {
      used.add(known);
      return withMember(holder, key, known);
    }
    this.#seed ??= JSON.stringify(this.#context.request.body ?? null);
    const made = callId(`${this.#seed}/${String(reply)}/${choice}/${tool}`);
    used.add(made);
    const rule = known === undefined || known === null || known === "" ? "missing" : "twice";
    this.#context.note({
      action: "fixed",
      target: "frame",
      rule,
      choice,
      tool,
      toolName,
      before: JSON.stringify(id ?? null),
      after: made,
    });
    return { ...holder, [key]: made };
  }

  ofEvent(payload: unknown): unknown {
    if (!isObject(payload) || payload["type"] !== "content_block_start" || !isObject(payload["content_block"])) return payload;
    const block = payload["content_block"];
    if (block["type"] !== "tool_use") return payload;
    const count = this.#used?.size ?? 0;
    return withMember(payload, "content_block", this.identified(block, "id", 0, count, String(block["name"]), count));
  }

  ofItems(body: unknown, list: "content" | "output", type: string, key: "id" | "call_id"): unknown {
    if (!isObject(body) || !Array.isArray(body[list])) return body;
    const changed = mapSame<unknown>(body[list], (item) =>
      isObject(item) && item["type"] === type
        ? this.identified(item, key, 0, this.#used?.size ?? 0, String(item["name"]), replyId(body))
        : item,
    );
    return withMember(body, list, changed);
  }
}

function replyId(body: unknown): unknown {
  return isObject(body) ? body["id"] : undefined;
}
