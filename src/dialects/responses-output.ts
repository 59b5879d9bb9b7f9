/** The `output` array of a response, written from deltas. */
import type { Delta } from "../core/delta.ts";
import { asArray, asString, isObject, type JsonObject } from "../wire/json.ts";

/** `originals` with texts, thoughts and calls as `deltas` say; items that no delta speaks of keep their place. */
export function writeOutput(originals: readonly unknown[], deltas: readonly Delta[]): unknown[] {
  const used = new Set<unknown>();
  const items: unknown[] = [];
  const calls = new Map<number, JsonObject>();
  let texts: { type: string; item: JsonObject } | undefined;

  function take(fits: (item: JsonObject) => boolean): JsonObject | undefined {
    const at = originals.findIndex((item) => isObject(item) && !used.has(item) && fits(item));
    if (at < 0) return undefined;
    for (const earlier of originals.slice(0, at)) keepIfSilent(earlier);
    const item = originals[at];
    used.add(item);
    return isObject(item) ? item : undefined;
  }
  function keepIfSilent(item: unknown): void {
    if (used.has(item) || !isSilent(item)) return;
    used.add(item);
    items.push(item);
  }
  function say(type: "message" | "reasoning", text: string): void {
    const same = take((item) => item["type"] === type && textOf(item) === text);
    if (same) {
      items.push(same);
      texts = undefined;
      return;
    }
    if (texts?.type === type) {
      setText(texts.item, type, textOf(texts.item) + text);
      return;
    }
    const item: JsonObject = { ...(take((like) => like["type"] === type) ?? newItem(type, items.length)) };
    setText(item, type, text);
    items.push(item);
    texts = { type, item };
  }

  for (const delta of deltas) {
    if (delta.kind === "text") say("message", delta.text);
    else if (delta.kind === "reasoning") say("reasoning", delta.text);
    else if (delta.kind === "tool-open") {
      const like = take((item) => item["type"] === "function_call" && item["call_id"] === delta.id);
      const item: JsonObject = { ...(like ?? newCall(delta.id)), call_id: delta.id, name: delta.name, arguments: "" };
      items.push(item);
      calls.set(delta.tool, item);
      texts = undefined;
    } else if (delta.kind === "tool-args") {
      const item = calls.get(delta.tool);
      if (item) item["arguments"] = String(item["arguments"]) + delta.text;
    }
  }
  for (const item of originals) keepIfSilent(item);
  return items;
}

/** The text parts of a message or reasoning item, joined. */
export function textOf(item: JsonObject): string {
  return asArray(item["content"])
    .map((part) => (isObject(part) ? (asString(part["text"]) ?? "") : ""))
    .join("");
}

/** Puts `text` into the item's one text part. */
export function setText(item: JsonObject, type: string, text: string): void {
  const part = asArray(item["content"]).find((candidate) => isObject(candidate) && "text" in candidate);
  item["content"] = [{ ...(isObject(part) ? part : newPart(type)), text }];
}

/** A message or reasoning item of our own, complete but for its text. */
export function newItem(type: "message" | "reasoning", position: number): JsonObject {
  return type === "message"
    ? { type, id: `msg_${position}`, role: "assistant", status: "completed", content: [] }
    : { type, id: `rs_${position}`, summary: [], content: [], encrypted_content: "", status: "completed" };
}

/** A call of our own; ids in llama-server's form, `fc_` beside `call_`. */
export function newCall(id: string): JsonObject {
  return { type: "function_call", id: `fc_${id.replace(/^call_/u, "")}`, status: "completed", call_id: id };
}

export function newPart(type: string): JsonObject {
  return type === "message" ? { type: "output_text", annotations: [], logprobs: [], text: "" } : { type: "reasoning_text", text: "" };
}

/** Whether an item gives no delta. */
function isSilent(item: unknown): boolean {
  if (!isObject(item)) return true;
  if (item["type"] === "function_call") return false;
  return textOf(item) === "";
}
