import type { Attributes } from "@opentelemetry/api";
import type { RequestView } from "../core/delta.ts";
import { asArray, asString, isObject, type JsonObject, parseOrUndefined } from "../wire/json.ts";
import { GEN_AI } from "./semconv.ts";

/** A part of a message as gen_ai.input.messages and gen_ai.output.messages have it. */
export interface Part {
  readonly type: string;
  readonly [key: string]: unknown;
}

export interface Message {
  readonly role: string;
  readonly parts: readonly Part[];
}

/** Instructions, messages and tools of a request, every text cut to `max` characters. */
export function readInput(apiType: string, view: RequestView, max: number): Attributes {
  const body = isObject(view.body) ? view.body : {};
  const attributes: Attributes = {};
  const system = partsOf(body["system"] ?? body["instructions"], max);
  if (system.length > 0) attributes[GEN_AI.systemInstructions] = system;
  const messages =
    apiType === "openai.completions" || apiType === "llamacpp.completion" || apiType === "llamacpp.infill"
      ? promptOf(body, max)
      : messagesOf(body, max);
  if (messages.length > 0) attributes[GEN_AI.inputMessages] = messages;
  if (view.tools.length > 0) {
    attributes[GEN_AI.toolDefinitions] = view.tools.map((tool) => ({
      type: "function",
      name: tool.name,
      // A schema cut in the middle is no schema.
      ...(tool.parameters !== undefined && JSON.stringify(tool.parameters).length <= max ? { parameters: tool.parameters } : {}),
    }));
  }
  return attributes;
}

/** Messages of a reply that came whole: chat, text completions, Messages, Responses, native. */
export function outputOf(body: unknown, max: number): Message[] {
  if (!isObject(body)) return [];
  const choices = asArray(body["choices"]);
  if (choices.length > 0) {
    return choices.filter(isObject).map((choice) => {
      const message = choice["message"];
      return isObject(message) ? messageOf(message, max) : { role: "assistant", parts: partsOf(choice["text"], max) };
    });
  }
  const items = asArray(body["output"]);
  if (items.length > 0) return [{ role: "assistant", parts: items.filter(isObject).flatMap((item) => messageOf(item, max).parts) }];
  const parts = partsOf(body["content"], max);
  return parts.length > 0 ? [{ role: "assistant", parts }] : [];
}

export function partOfCall(id: string, name: string, args: string, max: number): Part {
  const parsed = args.length <= max ? parseOrUndefined(args) : undefined;
  return { type: "tool_call", ...(id === "" ? {} : { id }), name, arguments: parsed ?? cut(args, max) };
}

export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  // Not between the halves of a surrogate pair.
  const end = /[\uD800-\uDBFF]/.test(text.charAt(max - 1)) ? max - 1 : max;
  return `${text.slice(0, Math.max(0, end))}…`;
}

function promptOf(body: JsonObject, max: number): Message[] {
  const texts = [body["prompt"], body["input_prefix"], body["input_suffix"]];
  const parts = texts.flatMap((text) => partsOf(isObject(text) ? text["prompt_string"] : text, max));
  return parts.length > 0 ? [{ role: "user", parts }] : [];
}

function messagesOf(body: JsonObject, max: number): Message[] {
  const input = body["messages"] ?? body["input"];
  if (typeof input === "string") return [{ role: "user", parts: partsOf(input, max) }];
  return asArray(input)
    .filter(isObject)
    .map((message) => messageOf(message, max));
}

/** A chat or Messages message, or an item of Responses. */
function messageOf(message: JsonObject, max: number): Message {
  const role = asString(message["role"]) ?? (message["type"] === "function_call_output" ? "tool" : "assistant");
  const type = asString(message["type"]);
  if (type === "function_call" || type === "function_call_output") return { role, parts: [partOf(message, max)] };
  if (role === "tool") {
    const id = asString(message["tool_call_id"]);
    return {
      role,
      parts: [{ type: "tool_call_response", ...(id === undefined ? {} : { id }), response: responseOf(message["content"], max) }],
    };
  }
  const reasoning = asString(message["reasoning_content"]);
  const calls = asArray(message["tool_calls"]).filter(isObject);
  return {
    role,
    parts: [
      ...(reasoning ? [{ type: "reasoning", content: cut(reasoning, max) }] : []),
      ...partsOf(message["content"], max),
      ...calls.map((call) => {
        const fn = isObject(call["function"]) ? call["function"] : call;
        return partOfCall(asString(call["id"]) ?? "", asString(fn["name"]) ?? "", asString(fn["arguments"]) ?? "", max);
      }),
    ],
  };
}

function partsOf(content: unknown, max: number): Part[] {
  if (typeof content === "string") return content === "" ? [] : [{ type: "text", content: cut(content, max) }];
  return asArray(content).map((part) => (typeof part === "string" ? { type: "text", content: cut(part, max) } : partOf(part, max)));
}

function partOf(part: unknown, max: number): Part {
  if (!isObject(part)) return { type: "text", content: cut(String(part), max) };
  const type = asString(part["type"]) ?? "text";
  switch (type) {
    case "tool_use":
      return partOfCall(asString(part["id"]) ?? "", asString(part["name"]) ?? "", JSON.stringify(part["input"] ?? {}), max);
    case "function_call":
      return partOfCall(asString(part["call_id"]) ?? "", asString(part["name"]) ?? "", asString(part["arguments"]) ?? "", max);
    case "tool_result":
    case "function_call_output": {
      const id = asString(part["tool_use_id"]) ?? asString(part["call_id"]);
      return {
        type: "tool_call_response",
        ...(id === undefined ? {} : { id }),
        response: responseOf(part["content"] ?? part["output"], max),
      };
    }
    case "thinking":
      return { type: "reasoning", content: cut(asString(part["thinking"]) ?? "", max) };
    default: {
      const text = asString(part["text"]);
      // Media and what we do not know keep their kind only: their bytes are no content for a trace.
      return text === undefined ? { type } : { type: "text", content: cut(text, max) };
    }
  }
}

function responseOf(content: unknown, max: number): unknown {
  return typeof content === "string" ? cut(content, max) : partsOf(content, max);
}
