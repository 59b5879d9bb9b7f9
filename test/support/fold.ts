/** Folds a reply the way its clients do, to see what they would make of it. */
import { createFramer } from "../../src/wire/framer.ts";
import { createFrameReader } from "../../src/wire/frame.ts";

export interface Folded {
  content: string;
  reasoning: string;
  calls: { id: string; name: string; arguments: string }[];
  finish: string | undefined;
  done: number;
  error: unknown;
  /** What a strict client would stumble over. */
  faults: string[];
}

type Json = Record<string, any>;

function empty(): Folded {
  return { content: "", reasoning: "", calls: [], finish: undefined, done: 0, error: undefined, faults: [] };
}

/** The JSON of every data frame, `"[DONE]"` as that string; frames that are not JSON as `{ unreadable }`. */
export function payloadsOf(body: Uint8Array): (Json | "[DONE]")[] {
  const framer = createFramer();
  const reader = createFrameReader();
  return framer.push(body).flatMap((raw): (Json | "[DONE]")[] => {
    const { data } = reader.read(raw);
    if (data === undefined) return [];
    if (data === "[DONE]") return ["[DONE]"];
    try {
      return [JSON.parse(data) as Json];
    } catch {
      return [{ unreadable: data }];
    }
  });
}

export function foldChat(body: Uint8Array, choice = 0): Folded {
  const folded = empty();
  const calls = new Map<number, Folded["calls"][number]>();
  for (const payload of payloadsOf(body)) {
    if (payload === "[DONE]") {
      folded.done += 1;
      continue;
    }
    if (folded.done > 0) folded.faults.push("a frame after [DONE]");
    if (payload["error"] !== undefined) folded.error = payload["error"];
    for (const entry of payload["choices"] ?? []) {
      if ((entry.index ?? 0) !== choice) continue;
      const delta = entry.delta ?? {};
      if (folded.finish !== undefined && Object.keys(delta).length > 0) folded.faults.push("said after the finish");
      folded.content += delta.content ?? "";
      folded.reasoning += delta.reasoning_content ?? "";
      for (const piece of delta.tool_calls ?? []) {
        let call = calls.get(piece.index);
        if (!call) {
          call = { id: piece.id ?? "", name: piece.function?.name ?? "", arguments: "" };
          if (call.id === "" || call.name === "") folded.faults.push("a call without id or name");
          if (piece.type !== "function") folded.faults.push("a call without type");
          calls.set(piece.index, call);
          folded.calls.push(call);
        } else if (piece.id !== undefined || piece.function?.name !== undefined) {
          folded.faults.push("identity repeated");
        }
        call.arguments += piece.function?.arguments ?? "";
      }
      folded.finish = entry.finish_reason ?? folded.finish;
    }
  }
  return folded;
}

export function foldMessages(body: Uint8Array): Folded {
  const folded = empty();
  const blocks = new Map<number, { type: string; open: boolean; call?: Folded["calls"][number] }>();
  for (const payload of payloadsOf(body)) {
    if (payload === "[DONE]") continue;
    const block = blocks.get(payload["index"]);
    switch (payload["type"]) {
      case "content_block_start": {
        if (payload["index"] !== blocks.size) folded.faults.push(`block ${payload["index"]} after ${blocks.size} blocks`);
        const { type, id, name } = payload["content_block"];
        const call = type === "tool_use" ? { id, name, arguments: "" } : undefined;
        if (call) folded.calls.push(call);
        blocks.set(payload["index"], { type, open: true, ...(call ? { call } : {}) });
        break;
      }
      case "content_block_delta": {
        const { delta } = payload;
        if (!block?.open) folded.faults.push(`a delta for block ${payload["index"]}, which is not open`);
        const fits: Json = { text_delta: "text", thinking_delta: "thinking", signature_delta: "thinking", input_json_delta: "tool_use" };
        if (fits[delta.type] !== block?.type) folded.faults.push(`${delta.type} in a ${block?.type} block`);
        folded.content += delta.text ?? "";
        folded.reasoning += delta.thinking ?? "";
        if (block?.call) block.call.arguments += delta.partial_json ?? "";
        break;
      }
      case "content_block_stop":
        if (!block?.open) folded.faults.push(`block ${payload["index"]} closed twice`);
        if (block) block.open = false;
        break;
      case "message_delta":
        if ([...blocks.values()].some(({ open }) => open)) folded.faults.push("message_delta while a block is open");
        folded.finish = payload["delta"].stop_reason ?? folded.finish;
        break;
      case "message_stop":
        folded.done += 1;
        break;
      default:
        if (payload["error"] !== undefined || payload["code"] !== undefined) folded.error = payload["error"] ?? payload;
    }
  }
  return folded;
}

export function foldResponses(body: Uint8Array): Folded {
  const folded = empty();
  const items = new Map<string, { type: string; text: string; id: string; name: string; done: boolean }>();
  for (const payload of payloadsOf(body)) {
    if (payload === "[DONE]") continue;
    const item = items.get(payload["item_id"] ?? payload["item"]?.id);
    switch (payload["type"]) {
      case "response.output_item.added": {
        const { type, id, name, call_id } = payload["item"];
        if (item) folded.faults.push(`item ${id} added twice`);
        items.set(id, { type, text: "", id: call_id ?? "", name: name ?? "", done: false });
        break;
      }
      case "response.output_text.delta":
      case "response.reasoning_text.delta":
      case "response.function_call_arguments.delta":
        if (!item || item.done) folded.faults.push(`${payload["type"]} for an item that is not open`);
        else item.text += payload["delta"];
        break;
      case "response.output_text.done":
        if (payload["text"] !== item?.text) folded.faults.push("output_text.done differs from its deltas");
        break;
      case "response.output_item.done":
        if (!item || item.done) folded.faults.push("an item done that is not open");
        else item.done = true;
        if (textOf(payload["item"]) !== item?.text) folded.faults.push("output_item.done differs from its deltas");
        break;
      case "response.completed": {
        const said = [...items.values()].map(({ type, text, id, name }) => JSON.stringify([type, text, id, name]));
        const output = payload["response"].output.map((final: Json) =>
          JSON.stringify([final["type"], textOf(final), final["call_id"] ?? "", final["name"] ?? ""]),
        );
        if (said.join() !== output.join()) folded.faults.push("response.completed differs from what was said");
        if ([...items.values()].some(({ done }) => !done)) folded.faults.push("completed with an item that is not done");
        folded.finish = payload["response"].status;
        folded.done += 1;
        break;
      }
      default:
        if (payload["error"] !== undefined) folded.error = payload["error"];
    }
  }
  for (const { type, text, id, name } of items.values()) {
    if (type === "function_call") folded.calls.push({ id, name, arguments: text });
    else if (type === "reasoning") folded.reasoning += text;
    else folded.content += text;
  }
  return folded;
}

function textOf(item: Json): string {
  return item["arguments"] ?? (item["content"] ?? []).map((part: Json) => part["text"] ?? "").join("");
}
