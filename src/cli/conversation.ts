/** What was asked and answered, as short texts for a person. Bodies of any API; nothing here throws. */
import type { Recording } from "../core/recording.ts";
import { answerIn } from "../replay/answer.ts";
import { asArray, asString, isObject, parseOrUndefined } from "../wire/json.ts";

export interface Said {
  readonly role: string;
  readonly text: string;
}

/** The messages of a request: chat, Messages, Responses, completions, infill, embeddings. */
export function messagesOf(recording: Recording): readonly Said[] {
  const body = parseOrUndefined(new TextDecoder().decode(recording.request.body));
  if (!isObject(body)) return [];
  const system = textIn(body["system"]) || textIn(body["instructions"]);
  const input = body["messages"] ?? body["input"] ?? body["prompt"];
  const rest = Array.isArray(input) ? input.flatMap(message) : [{ role: "prompt", text: textIn(input) }];
  return [...(system === "" ? [] : [{ role: "system", text: system }]), ...rest.filter((said) => said.text !== "")];
}

function message(item: unknown): Said[] {
  if (!isObject(item)) return [{ role: "input", text: textIn(item) }];
  const role = asString(item["role"]) ?? asString(item["type"]) ?? "?";
  const calls = asArray(item["tool_calls"]).map((call) => {
    const fn = isObject(call) && isObject(call["function"]) ? call["function"] : {};
    return `[call ${asString(fn["name"]) ?? "?"} ${asString(fn["arguments"]) ?? ""}]`;
  });
  return [{ role, text: [textIn(item["content"] ?? item["output"]), ...calls].filter((part) => part !== "").join(" ") }];
}

/** A text, or the texts of its parts. */
function textIn(value: unknown): string {
  if (typeof value === "string") return value;
  return asArray(value)
    .map((part) => {
      if (typeof part === "string") return part;
      if (!isObject(part)) return "";
      const text = asString(part["text"]) ?? textIn(part["content"]);
      return text === "" && asString(part["type"]) !== undefined ? `[${asString(part["type"])}]` : text;
    })
    .filter((part) => part !== "")
    .join(" ");
}

/** Last thing the user said, and what came back, in one line each. */
export function contentLine(recording: Recording): string {
  const asked =
    messagesOf(recording).findLast((said) => said.role === "user" || said.role === "prompt" || said.role === "input")?.text ?? "";
  const answer = answerIn(recording);
  const calls = answer?.tools.map((tool) => `[call ${tool.name}]`) ?? [];
  return `${oneLine(asked)} → ${oneLine([answer?.text ?? "", ...calls].filter((part) => part !== "").join(" "))}`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim().slice(0, 160);
}
