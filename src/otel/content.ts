import type { Attributes } from "@opentelemetry/api";
import type { Delta, RequestView } from "../core/delta.ts";
import { parseOrUndefined } from "../wire/json.ts";
import { cut, type Message, outputOf, type Part, partOfCall, readInput } from "./messages.ts";
import { GEN_AI } from "./semconv.ts";

/**
 * Prompts and answers as the GenAI conventions shape them, gathered only when somebody asked for
 * content. Bounded: a part keeps `maxChars` characters, a whole reply is read up to MAX_BYTES.
 */
export interface Capture {
  /** What a frame said to the client. */
  deltas(out: readonly Delta[]): void;
  /** A piece of a reply that comes whole, as sent to the client. */
  bytes(sent: Uint8Array): void;
  /** Content attributes, structures rather than JSON text. `finishReasons` by choice. */
  attributes(finishReasons: readonly string[]): Attributes;
}

const MAX_BYTES = 4 * 1024 * 1024;

export function createCapture(apiType: string, view: RequestView | undefined, maxChars: number): Capture {
  const choices = new Map<number, Choice>();
  const pieces: Uint8Array[] = [];
  let bytes = 0;

  function choiceOf(index: number): Choice {
    let choice = choices.get(index);
    if (!choice) choices.set(index, (choice = { text: "", reasoning: "", calls: new Map() }));
    return choice;
  }

  return {
    deltas(out) {
      for (const delta of out) {
        if (delta.kind === "text" || delta.kind === "reasoning") {
          const choice = choiceOf(delta.choice);
          // One character more than is kept, so that the cut shows.
          if (choice[delta.kind].length <= maxChars) choice[delta.kind] += delta.text;
        } else if (delta.kind === "tool-open") {
          choiceOf(delta.choice).calls.set(delta.tool, { id: delta.id, name: delta.name, args: "" });
        } else if (delta.kind === "tool-args") {
          const call = choiceOf(delta.choice).calls.get(delta.tool);
          if (call && call.args.length <= maxChars) call.args += delta.text;
        }
      }
    },
    bytes(sent) {
      bytes += sent.length;
      if (bytes <= MAX_BYTES) pieces.push(sent);
    },
    attributes(finishReasons) {
      const attributes: Attributes = view ? { ...readInput(apiType, view, maxChars) } : {};
      const output =
        choices.size > 0
          ? [...choices].sort(([a], [b]) => a - b).map(([, choice]) => said(choice, maxChars))
          : bytes <= MAX_BYTES
            ? outputOf(parseOrUndefined(textOf(pieces)), maxChars)
            : [];
      if (output.length > 0) {
        attributes[GEN_AI.outputMessages] = output.map((message, index) => {
          const reason = finishReasons[index];
          return reason === undefined ? message : { ...message, finish_reason: reason };
        });
      }
      return attributes;
    },
  };
}

interface Choice {
  text: string;
  reasoning: string;
  readonly calls: Map<number, { readonly id: string; readonly name: string; args: string }>;
}

function said(choice: Choice, maxChars: number): Message {
  const parts: Part[] = [];
  if (choice.reasoning !== "") parts.push({ type: "reasoning", content: cut(choice.reasoning, maxChars) });
  if (choice.text !== "") parts.push({ type: "text", content: cut(choice.text, maxChars) });
  for (const call of choice.calls.values()) parts.push(partOfCall(call.id, call.name, call.args, maxChars));
  return { role: "assistant", parts };
}

function textOf(pieces: readonly Uint8Array[]): string {
  const decoder = new TextDecoder();
  return pieces.map((piece) => decoder.decode(piece, { stream: true })).join("") + decoder.decode();
}
