/**
 * Writing Messages events: keeps book of the blocks as the client sees them, so that inserted,
 * dropped and split blocks come out with their own indexes, opened once and closed once.
 */
import type { Delta } from "../core/delta.ts";
import { makeFrame, type Frame } from "../wire/frame.ts";
import { asNumber, asString, isObject, type JsonObject } from "../wire/json.ts";
import type { Message } from "./dialect.ts";
import { sameFrame } from "./openai.ts";

export interface BlockWriter {
  /** A payload that is read. Unless `write` is called for it, it goes to the client as it is. */
  see(payload: JsonObject): void;
  /** `unchanged`: the deltas are what was read, only the payload itself may differ from what came. */
  write(like: Message, deltas: readonly Delta[], unchanged: boolean): Frame[];
  append(deltas: readonly Delta[]): Frame[];
  /** Whether a block stands elsewhere for the client than the backend says: later events need new indexes. */
  dirty(): boolean;
}

interface Block {
  readonly index: number;
  /** `text`, `thinking`, `tool_use`, or a type unknown here. */
  readonly type: string;
  /** Opened by the backend: closed by it too, except where the text must end before an inserted call. */
  readonly own: boolean;
  open: boolean;
}

export function createBlockWriter(): BlockWriter {
  /** In the order they were opened, which is their index. */
  const blocks: Block[] = [];
  const bySource = new Map<number, Block>();
  const byTool = new Map<number, Block>();
  let toolsSeen = 0;
  let dirty = false;
  let unwritten: JsonObject | undefined;
  let finished = false;

  function open(type: string, own: boolean): Block {
    const block: Block = { index: blocks.length, type, own, open: true };
    blocks.push(block);
    if (!own) dirty = true;
    return block;
  }

  /** Books a payload that went out as it was. */
  function book(payload: JsonObject): void {
    const index = asNumber(payload["index"]) ?? 0;
    if (payload["type"] === "content_block_start") {
      const type = typeOf(payload);
      const block = open(type, true);
      bySource.set(index, block);
      if (type === "tool_use") byTool.set(toolsSeen++, block);
    } else if (payload["type"] === "content_block_stop") {
      const block = bySource.get(index);
      if (block) block.open = false;
    } else if (payload["type"] === "message_delta" && isObject(payload["delta"]) && payload["delta"]["stop_reason"] != null)
      finished = true;
  }
  function settle(): void {
    if (unwritten) book(unwritten);
    unwritten = undefined;
  }

  function start(block: Block, content: JsonObject, like?: JsonObject): Frame {
    return event("content_block_start", { ...like, index: block.index, content_block: content });
  }
  function stop(block: Block, like?: JsonObject): Frame[] {
    if (!block.open) return [];
    block.open = false;
    return [event("content_block_stop", { ...like, index: block.index })];
  }
  function closeAll(): Frame[] {
    return blocks.flatMap((block) => stop(block));
  }
  /** The open block of this type, or a new one behind the last; texts and thoughts follow one another. */
  function speak(type: "text" | "thinking", text: string): Frame[] {
    const frames: Frame[] = [];
    let block = blocks.findLast((candidate) => candidate.type === type && candidate.open);
    if (!block) {
      const other = blocks.findLast((candidate) => candidate.open && (candidate.type === "text" || candidate.type === "thinking"));
      if (other) frames.push(...stop(other));
      block = open(type, false);
      frames.push(start(block, { type, [type]: "", ...(type === "thinking" ? { signature: "" } : {}) }));
    }
    frames.push(event("content_block_delta", { index: block.index, delta: { type: `${type}_delta`, [type]: text } }));
    return frames;
  }

  function say(deltas: readonly Delta[], end?: JsonObject): Frame[] {
    return deltas.flatMap((delta): Frame[] => {
      switch (delta.kind) {
        case "text":
          return speak("text", delta.text);
        case "reasoning":
          return speak("thinking", delta.text);
        case "tool-open": {
          // A call that the backend did not open ends the text before it.
          const before = blocks.filter((block) => block.type === "text").flatMap((block) => stop(block));
          const block = open("tool_use", false);
          byTool.set(delta.tool, block);
          return [...before, start(block, { type: "tool_use", id: delta.id, name: delta.name })];
        }
        case "tool-args": {
          const block = byTool.get(delta.tool);
          return block
            ? [event("content_block_delta", { index: block.index, delta: { type: "input_json_delta", partial_json: delta.text } })]
            : [];
        }
        case "tool-close": {
          const block = byTool.get(delta.tool);
          return block ? stop(block) : [];
        }
        case "finish": {
          finished = true;
          const said = isObject(end?.["delta"]) ? end["delta"] : { stop_sequence: null };
          // A message_delta of our own still needs `usage`: Anthropic's SDK reads it unasked.
          const body = end ?? { usage: { output_tokens: 0 } };
          return [...closeAll(), event("message_delta", { ...body, delta: { ...said, stop_reason: delta.reason } })];
        }
        default:
          return [];
      }
    });
  }

  function writeStart(payload: JsonObject, deltas: readonly Delta[]): Frame[] {
    const content = isObject(payload["content_block"]) ? payload["content_block"] : {};
    const type = typeOf(payload);
    const source = asNumber(payload["index"]) ?? 0;
    if (type !== "tool_use") {
      const block = open(type, true);
      if (block.index !== source) dirty = true;
      bySource.set(source, block);
      return [start(block, type === "text" || type === "thinking" ? { ...content, [type]: "" } : content, payload), ...say(deltas)];
    }
    toolsSeen += 1;
    const at = deltas.findIndex((delta) => delta.kind === "tool-open" && delta.id === asString(content["id"]));
    const opening = deltas[at];
    if (opening?.kind !== "tool-open") {
      // Held back, or no call after all: it opens when a stage says so.
      dirty = true;
      return say(deltas);
    }
    const before = say(deltas.slice(0, at));
    const block = open(type, true);
    if (block.index !== source) dirty = true;
    bySource.set(source, block);
    byTool.set(opening.tool, block);
    const emptied = "input" in content ? { ...content, input: {} } : content;
    return [...before, start(block, { ...emptied, name: opening.name }, payload), ...say(deltas.slice(at + 1))];
  }

  return {
    dirty: () => dirty,
    see(payload) {
      settle();
      unwritten = payload;
    },
    write(like, deltas, unchanged) {
      unwritten = undefined;
      const payload = isObject(like.payload) ? like.payload : {};
      const block = bySource.get(asNumber(payload["index"]) ?? 0);
      switch (payload["type"]) {
        case "content_block_start":
          return writeStart(payload, deltas);
        case "content_block_delta":
          // Signatures, citations: nothing a delta speaks of. They go where their block went.
          if (unchanged && deltas.length === 0)
            return block?.open ? [event("content_block_delta", { ...payload, index: block.index })] : [];
          return say(deltas);
        case "content_block_stop":
          return [...say(deltas), ...(block && block.type !== "tool_use" ? stop(block, payload) : [])];
        case "message_delta": {
          if (!deltas.some((delta) => delta.kind === "finish")) return [...say(deltas), sameFrame(like)];
          return say(deltas, payload);
        }
        case "message_stop": {
          const frames = say(deltas);
          const done = deltas.some((delta) => delta.kind === "done");
          return done ? [...frames, ...closeAll(), sameFrame(like)] : frames;
        }
        default:
          return [sameFrame(like), ...say(deltas)];
      }
    },
    append(deltas) {
      settle();
      const frames = say(deltas);
      return finished && deltas.some((delta) => delta.kind === "done") ? [...frames, ...closeAll(), event("message_stop", {})] : frames;
    },
  };
}

function typeOf(start: JsonObject): string {
  return (isObject(start["content_block"]) ? asString(start["content_block"]["type"]) : undefined) ?? "text";
}

function event(type: string, members: JsonObject): Frame {
  return makeFrame(JSON.stringify({ type, ...members }), type);
}
