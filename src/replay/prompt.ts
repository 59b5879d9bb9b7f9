/**
 * A request's prompt as the ordered parts that a chat template renders: settings of the template,
 * system text, tools, then the conversation. The prompt cache holds a beginning of exactly this.
 */
import { asArray, asString, isObject, type JsonObject } from "../wire/json.ts";

export interface PromptPart {
  readonly kind: "setting" | "system" | "tool" | "message";
  /** `messages[3] (user)`, `tools[2] read_file`, `system`: where it stands in the body. */
  readonly name: string;
  /** Of a tool its name, of a setting its key, of anything else the role. */
  readonly role: string;
  readonly text: string;
}

/** Fields that change what templates render, beside messages and tools. */
const SETTINGS = [
  "chat_template",
  "chat_template_kwargs",
  "reasoning_effort",
  "reasoning_format",
  "thinking",
  "reasoning",
  "add_generation_prompt",
];

/** Never throws; a body that is no object has no parts. Ids of calls and cache marks are left out: templates do not render them. */
export function promptOf(body: unknown): readonly PromptPart[] {
  if (!isObject(body)) return [];
  const said = [...systemOf(body), ...conversationOf(body)];
  const opening = said.findIndex((part) => part.kind !== "system");
  const system = opening < 0 ? said : said.slice(0, opening);
  return [...settingsOf(body), ...system, ...toolsOf(body), ...(opening < 0 ? [] : said.slice(opening))];
}

export function promptLength(parts: readonly PromptPart[]): number {
  return parts.reduce((sum, part) => sum + part.text.length, 0);
}

function settingsOf(body: JsonObject): PromptPart[] {
  return SETTINGS.flatMap((key) =>
    body[key] === undefined || body[key] === null ? [] : [{ kind: "setting", name: key, role: key, text: JSON.stringify(body[key]) }],
  );
}

function systemOf(body: JsonObject): PromptPart[] {
  return ["system", "instructions"].flatMap((key) => {
    const text = contentText(body[key]);
    return text === "" ? [] : [{ kind: "system", name: key, role: "system", text }];
  });
}

function toolsOf(body: JsonObject): PromptPart[] {
  return asArray(body["tools"]).map((tool, i) => {
    const fn = isObject(tool) && isObject(tool["function"]) ? tool["function"] : tool;
    const role = (isObject(fn) ? asString(fn["name"]) : undefined) ?? "?";
    return { kind: "tool", name: `tools[${i}] ${role}`, role, text: JSON.stringify(withoutMarks(tool)) };
  });
}

function conversationOf(body: JsonObject): PromptPart[] {
  for (const key of ["messages", "input", "prompt", "content"]) {
    const value = body[key];
    if (typeof value === "string") return [{ kind: "message", name: key, role: "user", text: value }];
    if (Array.isArray(value)) return value.map((item, i) => messageOf(item, `${key}[${i}]`));
  }
  const infill = ["input_prefix", "input_suffix", "input_extra"].flatMap((key): PromptPart[] =>
    body[key] === undefined ? [] : [{ kind: "message", name: key, role: "user", text: asString(body[key]) ?? JSON.stringify(body[key]) }],
  );
  return infill;
}

function messageOf(item: unknown, name: string): PromptPart {
  if (!isObject(item)) return { kind: "message", name, role: "user", text: asString(item) ?? JSON.stringify(item) };
  const role = asString(item["role"]) ?? asString(item["type"]) ?? "?";
  const thinks = asString(item["reasoning_content"]);
  const calls = asArray(item["tool_calls"]).map((call) => callText(isObject(call) && isObject(call["function"]) ? call["function"] : call));
  const own = item["type"] === "function_call" ? callText(item) : contentText(item["content"] ?? item["output"] ?? item["summary"]);
  const text = [...(thinks ? [`<think>${thinks}</think>`] : []), own, ...calls].filter((part) => part !== "").join("\n");
  const kind = role === "system" || role === "developer" ? "system" : "message";
  return { kind, name: `${name} (${role})`, role, text };
}

function callText(call: unknown): string {
  if (!isObject(call)) return "";
  const args = call["arguments"] ?? call["input"];
  return `${asString(call["name"]) ?? "?"}(${asString(args) ?? JSON.stringify(args ?? {})})`;
}

function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  return asArray(content).map(blockText).join("\n");
}

/** A block of a message: its text, a call, a call's result, or else its JSON. */
function blockText(block: unknown): string {
  if (!isObject(block)) return asString(block) ?? "";
  const text = asString(block["text"]);
  if (text !== undefined) return text;
  if (block["type"] === "thinking") return `<think>${asString(block["thinking"]) ?? ""}</think>`;
  if (block["type"] === "tool_use") return callText(block);
  if (block["type"] === "tool_result") return contentText(block["content"]);
  return JSON.stringify(withoutMarks(block));
}

/** `cache_control` moves from block to block as a conversation grows, and llama-server ignores it. */
function withoutMarks(value: unknown): unknown {
  if (!isObject(value)) return value;
  const { cache_control: _mark, ...rest } = value;
  return rest;
}
