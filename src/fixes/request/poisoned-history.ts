import { z } from "zod";
import type { Tool } from "../../core/delta.ts";
import { asArray, asString, isObject, parseOrUndefined } from "../../wire/json.ts";
import { mendArguments } from "../arguments/mend.ts";
import { defineRequestFix, snippet } from "../fix.ts";
import { applyEdits, JsonSource, type Edit, type Path } from "./source.ts";

/** A call in the history whose arguments are text. */
interface PastCall {
  readonly path: Path;
  readonly name: string;
  readonly text: string;
}

/**
 * Clients send broken arguments back in the history, and llama-server answers 500 to that history for
 * ever (`Failed to parse tool call arguments as JSON`). They are mended as a reply's would be; what
 * cannot be mended becomes `{}`: the call already failed, and its result in the history says so.
 */
export const poisonedHistory = defineRequestFix({
  name: "poisoned_history",
  summary: "Arguments in the history that do not parse are mended, or emptied, so that the session survives",
  defaultMode: "fix",
  holds: "nothing",
  example: { before: '"arguments":"{\\"path\\":\\"/w/a\\", \\"text\\": \\"cut he"', after: '"arguments":"{}"' },
  source: "ggml-org/llama.cpp#22072, #20532 (common/chat.cpp func_args_not_string); recording tool-history-bad-arguments",
  options: z.strictObject({}),
  mend({ dialect, text, body, note }) {
    const messages = dialect.name === "anthropic.messages";
    const poisoned = pastCalls(dialect.name, body).filter((call) => messages || !parses(call.text));
    if (poisoned.length === 0) return undefined;
    const { tools } = dialect.readRequest(body);
    const source = new JsonSource(text);
    const edits: Edit[] = [];
    for (const { path, name, text: before } of poisoned) {
      const span = source.at(path);
      if (!span) continue;
      const tool = tools.find((offered) => offered.name === name);
      const after = mended(before, tool);
      edits.push({ ...span, text: messages ? after : JSON.stringify(after) });
      note({
        action: "fixed",
        target: "request",
        rule: after === "{}" ? "emptied" : "mended",
        toolName: name,
        pointer: `/${path.join("/")}`,
        before: snippet(before),
        after: snippet(after),
      });
    }
    return edits.length === 0 ? undefined : applyEdits(text, edits);
  },
});

function pastCalls(dialect: string, body: unknown): PastCall[] {
  if (!isObject(body)) return [];
  if (dialect === "openai.responses") {
    return asArray(body["input"]).flatMap((item, i) => {
      if (!isObject(item) || item["type"] !== "function_call") return [];
      return textual(item["arguments"], asString(item["name"]), ["input", i, "arguments"]);
    });
  }
  const list = dialect === "anthropic.messages" ? "content" : "tool_calls";
  return asArray(body["messages"]).flatMap((message, i) => {
    if (!isObject(message) || message["role"] !== "assistant") return [];
    return asArray(message[list]).flatMap((call, k) => {
      if (!isObject(call)) return [];
      // `input` is an object by contract: text there is what a client could not parse either.
      if (list === "content") {
        return call["type"] === "tool_use" ? textual(call["input"], asString(call["name"]), ["messages", i, list, k, "input"]) : [];
      }
      const fn = isObject(call["function"]) ? call["function"] : {};
      return textual(fn["arguments"], asString(fn["name"]), ["messages", i, list, k, "function", "arguments"]);
    });
  });
}

function textual(value: unknown, name: string | undefined, path: Path): PastCall[] {
  return typeof value === "string" ? [{ path, name: name ?? "", text: value }] : [];
}

/** Whether llama-server's parser takes the text. It refuses half a surrogate pair, which JSON.parse lets through. */
function parses(text: string): boolean {
  const value = parseOrUndefined(text);
  return value !== undefined && (!HALF_PAIR.test(text) || isWellFormed(value));
}

const HALF_PAIR = /\\ud[89a-f]/iu;

function isWellFormed(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (Array.isArray(value)) return value.every(isWellFormed);
  return !isObject(value) || Object.entries(value).every(([key, member]) => key.isWellFormed() && isWellFormed(member));
}

/** With the tool's schema, else without it: a history only has to be readable, not to satisfy the tool. */
function mended(text: string, tool: Tool | undefined): string {
  if (isObject(parseOrUndefined(text))) return withoutHalves(text);
  for (const offered of tool ? [tool, undefined] : [undefined]) {
    const [first] = mendArguments(text, offered, { finish: "tool_calls" }).text;
    if (first !== undefined && isObject(parseOrUndefined(first)) && parses(first)) return first;
  }
  return "{}";
}

/** Halves of surrogate pairs, written as escapes, become U+FFFD; whole pairs and every other escape stay. */
function withoutHalves(text: string): string {
  return text.replaceAll(/\\(?:ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|u[0-9a-f]{4}|[^u])/giu, (escape) =>
    escape.length === 6 && /^\\ud[89a-f]/iu.test(escape) ? "\uFFFD" : escape,
  );
}
