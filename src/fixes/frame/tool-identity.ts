import { z } from "zod";
import type { Delta } from "../../core/delta.ts";
import { asNumber, type JsonObject } from "../../wire/json.ts";
import { defineFrameFix, type Emit } from "../fix.ts";
import { argumentsOf, functionOf, idOf, mapCalls, nameOf } from "./walk.ts";

interface Held {
  readonly choice: number;
  readonly tool: number;
  call: JsonObject;
  id: string;
  name: string;
  text: string;
}

/**
 * id and name belong to the first delta of a call and to no other: clients append names
 * (`get_weatherget_weather`) and take an empty id for a new call. A first delta without a name is
 * held until the name comes; so is one whose name is only the beginning of a tool's.
 */
export const toolIdentity = defineFrameFix({
  name: "toolcall_identity",
  summary: "Repeated or empty ids and names are taken out of a call's later deltas; a late name is put first",
  defaultMode: "fix",
  holds: "the first tool delta",
  example: { before: '{"index":0,"id":"","function":{"name":"","arguments":"…"}}', after: '{"index":0,"function":{"arguments":"…"}}' },
  source: "anomalyco/opencode#37841, #40969 (DashScope), langchain-ai/langchain#22589 (llama-cpp-python)",
  options: z.strictObject({}),
  start({ dialect, request, note }) {
    if (dialect.name !== "openai.chat_completions") return undefined;
    const offered = request.tools.map((tool) => tool.name);
    const named = new Map<string, { id: string; name: string; told: boolean }>();
    const held = new Map<string, Held>();

    function isBeginning(name: string): boolean {
      return !offered.includes(name) && offered.some((tool) => tool.startsWith(name));
    }
    function first(key: string, call: JsonObject, choice: number, tool: number): JsonObject | undefined {
      const waiting = held.get(key);
      const id = idOf(call) || (waiting?.id ?? "");
      const text = (waiting?.text ?? "") + argumentsOf(call);
      const name = (waiting?.name ?? "") + nameOf(call);
      if (name === "" || (text === "" && isBeginning(name))) {
        held.set(key, { choice, tool, call: waiting?.call ?? call, id, name, text });
        return undefined;
      }
      named.set(key, { id, name, told: false });
      if (!waiting) return call;
      held.delete(key);
      note({ action: "fixed", target: "tool_call.name", rule: "late", choice, tool, toolName: name, after: name });
      const { id: _id, ...rest } = { ...waiting.call, ...call };
      const fn = { ...functionOf(waiting.call), ...functionOf(call), name, arguments: text };
      return { ...rest, ...(id === "" ? {} : { id }), function: fn };
    }

    function later(known: { id: string; name: string; told: boolean }, call: JsonObject, choice: number, tool: number): JsonObject {
      const fn = functionOf(call);
      const repeatsId = call["id"] === "" || (typeof call["id"] === "string" && call["id"] === known.id);
      const repeatsName = fn["name"] === "" || (typeof fn["name"] === "string" && fn["name"] === known.name);
      if (!repeatsId && !repeatsName) return call;
      if (!known.told) {
        const rule = call["id"] === "" || fn["name"] === "" ? "empty" : "repeated";
        note({ action: "fixed", target: "frame", rule, choice, tool, toolName: known.name });
      }
      known.told = true;
      const { id, function: _function, ...rest } = call;
      const { name, ...body } = fn;
      return {
        ...rest,
        ...(repeatsId || id === undefined ? {} : { id }),
        ...("function" in call ? { function: repeatsName || name === undefined ? body : { ...body, name } } : {}),
      };
    }

    /** Calls whose name never came: what they said, in one piece, and a word about it. */
    function giveUp(emit: Emit, choice?: number): void {
      for (const [key, { choice: of, tool, id, name, text }] of held) {
        if (choice !== undefined && of !== choice) continue;
        held.delete(key);
        note({ action: "refused", target: "tool_call.name", rule: "nameless", choice: of, tool, reason: "no name came for this call" });
        emit({ kind: "tool-open", choice: of, tool, id, name });
        if (text !== "") emit({ kind: "tool-args", choice: of, tool, text });
        emit({ kind: "tool-close", choice: of, tool });
      }
    }

    return {
      onPayload: (payload) =>
        mapCalls(payload, "delta", (call, choice) => {
          const tool = asNumber(call["index"]) ?? 0;
          const key = `${choice}/${tool}`;
          const known = named.get(key);
          return known ? later(known, call, choice, tool) : first(key, call, choice, tool);
        }),
      onDelta(delta: Delta, emit) {
        if (held.size > 0 && delta.kind === "finish") giveUp(emit, delta.choice);
        if (held.size > 0 && delta.kind === "done") giveUp(emit);
        emit(delta);
      },
      onEnd: (emit) => giveUp(emit),
    };
  },
});
