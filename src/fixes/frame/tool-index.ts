import { z } from "zod";
import { asNumber, parseOrUndefined, type JsonObject } from "../../wire/json.ts";
import { defineFrameFix, type FixContext, type FrameRule, snippet } from "../fix.ts";
import { argumentsOf, idOf, nameOf } from "./walk.ts";

interface Call {
  /** The index it came under; undefined where it had none. */
  readonly wire: number | undefined;
  readonly out: number;
  id: string;
  name: string;
  /** Arguments so far, kept only for calls without an id: they are what tells two calls apart. */
  text: string;
  told: boolean;
}

/**
 * Deltas of a call are joined by `index`. Where it is missing, null, or the same for every call, the
 * calls are told apart by what opens one: a new id, or a new name. Interleaved deltas of calls that
 * have their own index are left alone.
 */
export const toolIndex = defineFrameFix({
  name: "toolcall_index",
  summary: "Tool-call deltas without an index, or all under the same index, get one index per call",
  defaultMode: "fix",
  holds: "nothing",
  example: { before: '{"tool_calls":[{"index":null,"id":"b",…}]}', after: '{"tool_calls":[{"index":1,"id":"b",…}]}' },
  source: "llama-proxy's toolcall_null_index, BerriAI/litellm#33678 (always 0), ollama, github-copilot-llm-gateway (missing)",
  options: z.strictObject({}),
  start: (context) => (context.dialect.name === "openai.chat_completions" ? new ToolIndex(context) : undefined),
});

class ToolIndex implements FrameRule {
  readonly #context: FixContext;
  #byChoice: Map<number, Call[]> | undefined;
  /** The highest number given in each choice. */
  #highest: Map<number, number> | undefined;
  /** The call of the delta before, and its choice. */
  #last: Call | undefined;
  #lastChoice = -1;
  #offered: ReadonlySet<string> | undefined;

  constructor(context: FixContext) {
    this.#context = context;
  }

  onCall(call: JsonObject, choice: number): JsonObject {
    const index = call["index"];
    const number = typeof index === "string" && /^\d+$/u.test(index) ? Number(index) : asNumber(index);
    const wire = number !== undefined && number >= 0 ? number : undefined;
    const placed = this.#placed(choice, wire, call);
    const { out } = placed;
    if (index === out) return call;
    if (!placed.told) {
      const before = snippet(index === undefined ? "no index" : JSON.stringify(index));
      const rule = wire === undefined ? "missing" : "shared";
      this.#context.note({ action: "fixed", target: "frame", rule, choice, tool: out, toolName: placed.name, before, after: String(out) });
    }
    placed.told = true;
    return { ...call, index: out };
  }

  #placed(choice: number, wire: number | undefined, call: JsonObject): Call {
    const [id, name, text] = [idOf(call), nameOf(call), argumentsOf(call)];
    const last = this.#last;
    // What names nothing goes on with the call before it.
    const goesOn =
      last !== undefined && id === "" && name === "" && wire === last.wire && choice === this.#lastChoice && wire !== undefined;
    const found = goesOn ? last : this.#find(choice, wire, id, name, text);
    found.id ||= id;
    found.name ||= name;
    if (found.id === "") found.text += text;
    this.#last = found;
    this.#lastChoice = choice;
    return found;
  }

  #find(choice: number, wire: number | undefined, id: string, name: string, text: string): Call {
    const byChoice = (this.#byChoice ??= new Map<number, Call[]>());
    let calls = byChoice.get(choice);
    if (!calls) byChoice.set(choice, (calls = []));
    let found = id === "" ? undefined : calls.find((known) => known.id === id && (wire === undefined || known.wire === wire));
    if (found && this.#opensAnother(found, id, name, text)) found = undefined;
    if (!found) {
      const last = wire === undefined ? calls.at(-1) : calls.findLast((known) => known.wire === wire);
      if (last && !this.#opensAnother(last, id, name, text)) found = last;
    }
    if (found) return found;
    // Numbers are given upwards: the last call has the highest, unless the wire's own numbers jump.
    const highest = (this.#highest ??= new Map<number, number>()).get(choice) ?? -1;
    const free = wire !== undefined && (wire > highest || !calls.some((known) => known.out === wire));
    const out = free ? wire : highest + 1;
    const opened: Call = { wire, out, id: "", name: "", text: "", told: false };
    this.#highest.set(choice, Math.max(highest, out));
    calls.push(opened);
    return opened;
  }

  /** Whether a delta under the index or id of `last` opens another call. */
  #opensAnother(last: Call, id: string, name: string, text: string): boolean {
    if (id !== "" && last.id !== "" && id !== last.id) return true;
    if (name === "" || last.name === "") return false;
    const whole = last.text.trimStart().startsWith("{") && parseOrUndefined(last.text) !== undefined;
    // The same again is a resend, not a second call.
    if (name === last.name) return whole && text !== last.text;
    const offered = (this.#offered ??= new Set(this.#context.request.tools.map((tool) => tool.name)));
    return whole || offered.size === 0 || (offered.has(name) && offered.has(last.name));
  }
}
