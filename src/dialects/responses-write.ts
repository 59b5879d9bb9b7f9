/**
 * Writing Responses events: keeps book of the items as the client sees them. After the first change
 * the backend's own `*.done` events are held back and written anew, from the book, right before
 * `response.completed`: they repeat what was said and must agree with it.
 */
import type { Delta } from "../core/delta.ts";
import { makeFrame, type Frame } from "../wire/frame.ts";
import { asArray, asNumber, asString, isObject, type JsonObject } from "../wire/json.ts";
import type { Message } from "./dialect.ts";
import { sameFrame } from "./openai.ts";
import { newCall, newItem, newPart, setText } from "./responses-output.ts";

export interface ItemWriter {
  /** A payload as read. Unless `write` is called for it, it goes to the client as it is. */
  see(payload: JsonObject, deltas: readonly Delta[]): void;
  write(like: Message, deltas: readonly Delta[], unchanged: boolean): Frame[];
  append(deltas: readonly Delta[]): Frame[];
  dirty(): boolean;
}

interface Item {
  readonly type: string;
  readonly id: string;
  /** As announced; its final form where the backend sent one. */
  like: JsonObject;
  /** Text, thought or arguments sent so far. */
  text: string;
  done: boolean;
}

export function createItemWriter(): ItemWriter {
  const items: Item[] = [];
  const byTool = new Map<number, Item>();
  let dirty = false;
  let unwritten: { payload: JsonObject; deltas: readonly Delta[] } | undefined;
  /** Of the numbers some backends add to events: the next, once seen. llama-server sends none. */
  let sequence: number | undefined;
  let positions = false;

  function add(type: string, id: string, like: JsonObject): Item {
    const item: Item = { type, id, like, text: "", done: false };
    items.push(item);
    return item;
  }
  function itemOf(payload: JsonObject): Item | undefined {
    const id = asString(payload["item_id"]) ?? (isObject(payload["item"]) ? asString(payload["item"]["id"]) : undefined);
    return items.find((item) => item.id === id);
  }

  /** Books an event that went out as it was. */
  function book(payload: JsonObject, deltas: readonly Delta[]): void {
    const inner = isObject(payload["item"]) ? payload["item"] : undefined;
    if (inner && payload["type"] === "response.output_item.added") {
      const item = add(asString(inner["type"]) ?? "", asString(inner["id"]) ?? "", inner);
      for (const delta of deltas) if (delta.kind === "tool-open") byTool.set(delta.tool, item);
    }
    for (const delta of deltas) {
      if (delta.kind === "tool-args") append(byTool.get(delta.tool), delta.text);
      if (delta.kind === "text" || delta.kind === "reasoning") append(itemOf(payload), delta.text);
    }
    const item = itemOf(payload);
    if (inner && item && payload["type"] === "response.output_item.done") {
      item.like = inner;
      item.done = true;
    }
  }
  function append(item: Item | undefined, text: string): void {
    if (item) item.text += text;
  }
  function settle(): void {
    if (!unwritten) return;
    const { payload, deltas } = unwritten;
    unwritten = undefined;
    book(payload, deltas);
    const number = asNumber(payload["sequence_number"]);
    if (number !== undefined) sequence = number + 1;
    positions ||= "output_index" in payload;
  }

  /** An event in the backend's form: numbered and placed where its own are. */
  function event(type: string, members: JsonObject, item?: Item): Frame {
    const body: JsonObject = { type, ...members };
    if (item && positions) body["output_index"] = items.indexOf(item);
    if (sequence !== undefined) body["sequence_number"] = sequence++;
    return makeFrame(JSON.stringify(body), type);
  }

  function speak(type: "message" | "reasoning", text: string): Frame[] {
    const frames: Frame[] = [];
    let item = items.findLast((candidate) => candidate.type === type && !candidate.done);
    if (!item) {
      const like: JsonObject = { ...newItem(type, items.length), status: "in_progress", content: [] };
      item = add(type, String(like["id"]), like);
      frames.push(event("response.output_item.added", { item: like }, item));
      if (type === "message") {
        frames.push(event("response.content_part.added", { item_id: item.id, part: { type: "output_text", text: "" } }, item));
      }
    }
    item.text += text;
    const name = type === "message" ? "response.output_text.delta" : "response.reasoning_text.delta";
    frames.push(event(name, { item_id: item.id, delta: text }, item));
    return frames;
  }

  function openCall(delta: Extract<Delta, { kind: "tool-open" }>, payload: JsonObject | undefined): Frame {
    const announced = isObject(payload?.["item"]) && payload["type"] === "response.output_item.added" ? payload["item"] : undefined;
    const own = announced?.["call_id"] === delta.id ? announced : undefined;
    const like: JsonObject = { ...(own ?? newCall(delta.id)), status: "in_progress", call_id: delta.id, name: delta.name, arguments: "" };
    const item = add("function_call", String(like["id"]), like);
    byTool.set(delta.tool, item);
    return event("response.output_item.added", { ...(own ? payload : {}), item: like }, item);
  }

  function say(deltas: readonly Delta[], payload?: JsonObject): Frame[] {
    return deltas.flatMap((delta): Frame[] => {
      switch (delta.kind) {
        case "text":
          return speak("message", delta.text);
        case "reasoning":
          return speak("reasoning", delta.text);
        case "tool-open":
          return [openCall(delta, payload)];
        case "tool-args": {
          const item = byTool.get(delta.tool);
          if (!item) return [];
          item.text += delta.text;
          return [event("response.function_call_arguments.delta", { item_id: item.id, delta: delta.text }, item)];
        }
        default:
          return [];
      }
    });
  }

  /** The item as it stands, in its final form. */
  function finalItem(item: Item): JsonObject {
    const whole: JsonObject = { ...item.like };
    if ("status" in whole) whole["status"] = "completed";
    if (item.type === "function_call") whole["arguments"] = item.text;
    else if (item.type === "message" || item.type === "reasoning") setText(whole, item.type, item.text);
    return whole;
  }
  function finish(item: Item): Frame[] {
    if (item.done) return [];
    item.done = true;
    const frames: Frame[] = [];
    const whole = finalItem(item);
    if (item.type === "message") {
      const part = asArray(whole["content"])[0] ?? { ...newPart("message"), text: item.text };
      frames.push(event("response.output_text.done", { item_id: item.id, text: item.text }, item));
      frames.push(event("response.content_part.done", { item_id: item.id, part }, item));
    }
    frames.push(event("response.output_item.done", { item: whole }, item));
    return frames;
  }

  /** `response.completed` with the output the client has seen. */
  function complete(payload: JsonObject, deltas: readonly Delta[]): Frame[] {
    const response = isObject(payload["response"]) ? payload["response"] : {};
    for (const final of asArray(response["output"])) {
      const item = isObject(final) ? items.find((candidate) => candidate.id === final["id"]) : undefined;
      if (!item || !isObject(final)) continue;
      const { name, call_id } = item.like;
      item.like = item.type === "function_call" ? { ...final, name, call_id } : final;
    }
    const frames = [...say(deltas), ...items.flatMap(finish)];
    const output = items.map(finalItem);
    return [...frames, event(String(payload["type"]), { ...payload, response: { ...response, output } })];
  }

  return {
    dirty: () => dirty,
    see(payload, deltas) {
      settle();
      unwritten = { payload, deltas };
    },
    write(like, deltas, unchanged) {
      const payload = isObject(like.payload) ? like.payload : {};
      if (!dirty && unchanged) return [sameFrame(like)];
      unwritten = undefined;
      dirty = true;
      sequence ??= asNumber(payload["sequence_number"]);
      positions ||= "output_index" in payload;
      const type = asString(payload["type"]) ?? "";
      const inner = isObject(payload["item"]) ? payload["item"] : undefined;
      if (type === "response.completed" || type === "response.incomplete") return complete(payload, deltas);
      if (type.endsWith(".done")) return say(deltas, payload);
      if (type.endsWith(".delta")) return say(deltas, payload);
      if (type === "response.output_item.added" && inner && inner["type"] !== "function_call") {
        const item = add(asString(inner["type"]) ?? "", asString(inner["id"]) ?? "", inner);
        return [event(type, payload, item), ...say(deltas, payload)];
      }
      if (type === "response.output_item.added") return say(deltas, payload);
      const placed = itemOf(payload);
      return [placed || sequence !== undefined ? event(type, payload, placed) : sameFrame(like), ...say(deltas, payload)];
    },
    append(deltas) {
      settle();
      return say(deltas);
    },
  };
}
