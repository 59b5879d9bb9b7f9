/** Writing deltas back into a whole Messages body. */
import type { Delta } from "../core/delta.ts";
import { asArray, asString, isObject, parseExact, type JsonObject } from "../wire/json.ts";

/** `body` with content blocks and stop_reason as `deltas` say. Signatures, citations and unknown blocks keep their place. */
export function writeMessageBody(body: JsonObject, deltas: readonly Delta[]): JsonObject {
  const originals = asArray(body["content"]);
  const used = new Set<unknown>();
  const blocks: JsonObject[] = [];
  const calls = new Map<number, { block: JsonObject; text: string }>();
  let stop = body["stop_reason"];

  /** The first unused block that fits; blocks that no delta speaks of, before it, keep their place. */
  function take(fits: (block: JsonObject) => boolean): JsonObject | undefined {
    const at = originals.findIndex((block) => isObject(block) && !used.has(block) && fits(block));
    if (at < 0) return undefined;
    for (const earlier of originals.slice(0, at)) keepIfSilent(earlier);
    const block = originals[at];
    used.add(block);
    return isObject(block) ? block : undefined;
  }
  function keepIfSilent(block: unknown): void {
    if (!isObject(block) || used.has(block) || !isSilent(block)) return;
    used.add(block);
    blocks.push(block);
  }
  function say(type: "text" | "thinking", text: string): void {
    const same = take((block) => block["type"] === type && block[type] === text);
    if (same) {
      blocks.push(same);
      return;
    }
    const last = blocks.at(-1);
    if (last?.["type"] === type && !originals.includes(last)) {
      last[type] = String(last[type]) + text;
      return;
    }
    const like = take((block) => block["type"] === type) ?? { type };
    blocks.push({ ...like, [type]: text });
  }

  for (const delta of deltas) {
    if (delta.kind === "text") say("text", delta.text);
    else if (delta.kind === "reasoning") say("thinking", delta.text);
    else if (delta.kind === "tool-open") {
      const like = take((block) => block["type"] === "tool_use" && (delta.id === "" || block["id"] === delta.id));
      const block: JsonObject = { ...(like ?? { type: "tool_use" }), id: delta.id, name: delta.name };
      if (!like) block["input"] = {};
      blocks.push(block);
      calls.set(delta.tool, { block, text: "" });
    } else if (delta.kind === "tool-args") {
      const call = calls.get(delta.tool);
      if (call) call.text += delta.text;
    } else if (delta.kind === "finish") stop = delta.reason;
  }
  for (const { block, text } of calls.values()) {
    if (text !== "" && text !== JSON.stringify(block["input"])) block["input"] = objectOr(text, block["input"]);
  }
  for (const block of originals) keepIfSilent(block);
  return { ...body, content: blocks, stop_reason: stop };
}

/** Whether a block gives no delta: unknown types, and empty texts. */
function isSilent(block: JsonObject): boolean {
  const type = block["type"];
  if (type === "tool_use") return false;
  return type === "text" || type === "thinking" ? (asString(block[type]) ?? "") === "" : true;
}

/** `input` is an object by contract: text that is none (refused arguments) leaves what was there. */
function objectOr(text: string, otherwise: unknown): unknown {
  try {
    const value = parseExact(text);
    return isObject(value) ? value : otherwise;
  } catch {
    return otherwise;
  }
}
