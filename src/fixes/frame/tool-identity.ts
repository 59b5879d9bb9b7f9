import { z } from "zod";
import type { Delta } from "../../core/delta.ts";
import { asNumber, type JsonObject } from "../../wire/json.ts";
import { defineFrameFix, type Emit, type FixContext, type FrameRule, type Hears } from "../fix.ts";
import { argumentsOf, CallTable, functionOf, idOf, nameOf } from "./walk.ts";

interface Held {
  readonly choice: number;
  readonly tool: number;
  call: JsonObject;
  id: string;
  name: string;
  text: string;
}

/** A call whose name has gone out. */
interface Named {
  readonly id: string;
  readonly name: string;
  told: boolean;
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
  start: (context) => (context.dialect.name === "openai.chat_completions" ? new ToolIdentity(context) : undefined),
});

const HEARS = ["finish", "done"] as const;

class ToolIdentity implements FrameRule {
  get hears(): Hears {
    return HEARS;
  }
  readonly #context: FixContext;
  #named: CallTable<Named> | undefined;
  #held: CallTable<Held> | undefined;

  constructor(context: FixContext) {
    this.#context = context;
  }

  onCall(call: JsonObject, choice: number): JsonObject | undefined {
    const tool = asNumber(call["index"]) ?? 0;
    const known = this.#named?.get(choice, tool);
    return known ? this.#later(known, call, choice, tool) : this.#first(call, choice, tool);
  }

  onDelta(delta: Delta, emit: Emit): void {
    if (delta.kind === "finish") this.#giveUp(emit, delta.choice);
    if (delta.kind === "done") this.#giveUp(emit);
    emit(delta);
  }

  onEnd(emit: Emit): void {
    this.#giveUp(emit);
  }

  #isBeginning(name: string): boolean {
    const { tools } = this.#context.request;
    return tools.some((tool) => tool.name.startsWith(name)) && !tools.some((tool) => tool.name === name);
  }

  #first(call: JsonObject, choice: number, tool: number): JsonObject | undefined {
    const waiting = this.#held?.get(choice, tool);
    const id = idOf(call) || (waiting?.id ?? "");
    const text = (waiting?.text ?? "") + argumentsOf(call);
    const name = (waiting?.name ?? "") + nameOf(call);
    if (name === "" || (text === "" && this.#isBeginning(name))) {
      (this.#held ??= new CallTable()).set(choice, tool, { choice, tool, call: waiting?.call ?? call, id, name, text });
      return undefined;
    }
    (this.#named ??= new CallTable()).set(choice, tool, { id, name, told: false });
    if (!waiting) return call;
    this.#held?.delete(choice, tool);
    this.#context.note({ action: "fixed", target: "tool_call.name", rule: "late", choice, tool, toolName: name, after: name });
    const { id: _id, ...rest } = { ...waiting.call, ...call };
    const fn = { ...functionOf(waiting.call), ...functionOf(call), name, arguments: text };
    return { ...rest, ...(id === "" ? {} : { id }), function: fn };
  }

  #later(known: Named, call: JsonObject, choice: number, tool: number): JsonObject {
    const fn = functionOf(call);
    const repeatsId = call["id"] === "" || (typeof call["id"] === "string" && call["id"] === known.id);
    const repeatsName = fn["name"] === "" || (typeof fn["name"] === "string" && fn["name"] === known.name);
    if (!repeatsId && !repeatsName) return call;
    if (!known.told) {
      const rule = call["id"] === "" || fn["name"] === "" ? "empty" : "repeated";
      this.#context.note({ action: "fixed", target: "frame", rule, choice, tool, toolName: known.name });
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
  #giveUp(emit: Emit, choice?: number): void {
    for (const { choice: of, tool, id, name, text } of this.#held?.values() ?? []) {
      if (choice !== undefined && of !== choice) continue;
      this.#held?.delete(of, tool);
      const reason = "no name came for this call";
      this.#context.note({ action: "refused", target: "tool_call.name", rule: "nameless", choice: of, tool, reason });
      emit({ kind: "tool-open", choice: of, tool, id, name });
      if (text !== "") emit({ kind: "tool-args", choice: of, tool, text });
      emit({ kind: "tool-close", choice: of, tool });
    }
  }
}
