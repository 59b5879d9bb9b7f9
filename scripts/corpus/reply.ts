/** The bytes a server would answer with for a case, and the places to cut them. */
import type { Case } from "./case.ts";

const IDENTITY = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1_771_600_000, model: "m" };

export interface Cutting {
  readonly name: string;
  /** Where to cut a text of so many units; units are characters of a text, or bytes of a body. */
  readonly cuts: (length: number) => readonly number[];
}

/** Whole, every unit alone, and `random` random ones (a fixed seed: the same cuts every time). */
export function cuttings(random: number): readonly Cutting[] {
  return [
    { name: "whole", cuts: () => [] },
    { name: "one", cuts: (length) => Array.from({ length: Math.max(0, length - 1) }, (_, i) => i + 1) },
    ...Array.from({ length: random }, (_, seed) => ({ name: `random ${seed}`, cuts: (length: number) => randomCuts(length, seed + 1) })),
  ];
}

function randomCuts(length: number, seed: number): number[] {
  let state = seed * 2_654_435_761;
  const next = (): number => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_507) + 0x9e3779b9) >>> 0;
    return state / 2 ** 32;
  };
  return [...new Set(Array.from({ length: 1 + Math.floor(next() * 9) }, () => Math.floor(next() * length)))]
    .filter((cut) => cut > 0)
    .sort((a, b) => a - b);
}

export function cut<T extends { slice(from: number, to?: number): T; readonly length: number }>(whole: T, cuts: readonly number[]): T[] {
  const edges = [0, ...cuts, whole.length];
  return edges.slice(1).map((to, i) => whole.slice(edges[i] ?? 0, to));
}

/** True when the case's own text is cut into deltas; the others are cut as bytes. */
export function isText(of: Case): boolean {
  return of.kind === "arguments" || of.kind === "content";
}

/** An event stream, its text cut into deltas by `cutting` where the case is a text. */
export function streamOf(of: Case, cutting: Cutting): Buffer {
  if (of.kind === "stream")
    return of.wire
      ? wireBytes(of.input as readonly WirePiece[])
      : Buffer.from((of.input as readonly unknown[]).map((payload) => frameOf(of, payload)).join(""));
  const payloads: unknown[] = [chunkOf({ role: "assistant", content: null })];
  if (of.kind === "arguments") {
    payloads.push(chunkOf({ tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: of.tool_name, arguments: "" } }] }));
    for (const text of pieces(String(of.input), cutting))
      payloads.push(chunkOf({ tool_calls: [{ index: 0, function: { arguments: text } }] }));
  } else {
    if (of.input_reasoning_content)
      for (const text of pieces(of.input_reasoning_content, cutting)) payloads.push(chunkOf({ reasoning_content: text }));
    for (const text of pieces(String(of.input), cutting)) payloads.push(chunkOf({ content: text }));
  }
  payloads.push(chunkOf({}, of.finish_reason ?? (of.kind === "arguments" ? "tool_calls" : "stop")), "[DONE]");
  return Buffer.from(payloads.map((payload) => frameOf(of, payload)).join(""));
}

/** A text cut at character borders: a surrogate pair stays together, as no server tears one. */
function pieces(text: string, cutting: Cutting): string[] {
  const characters = Array.from(text);
  return cut(characters, cutting.cuts(characters.length))
    .map((some) => some.join(""))
    .filter((piece) => piece !== "");
}

/** The reply as one body; undefined for cases that only exist as a stream. */
export function bodyOf(of: Case): string | undefined {
  if (of.kind === "stream") return undefined;
  if (of.kind === "message") return of.direction === "request" ? undefined : JSON.stringify(of.input);
  const message =
    of.kind === "arguments"
      ? {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "call_1", type: "function", function: { name: of.tool_name, arguments: of.input } }],
        }
      : { role: "assistant", content: of.input, ...(of.input_reasoning_content ? { reasoning_content: of.input_reasoning_content } : {}) };
  const finish = of.finish_reason ?? (of.kind === "arguments" ? "tool_calls" : "stop");
  return JSON.stringify({
    ...IDENTITY,
    object: "chat.completion",
    choices: [{ index: 0, finish_reason: finish, message }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  });
}

function chunkOf(delta: unknown, finish: string | null = null): unknown {
  return { ...IDENTITY, choices: [{ index: 0, delta, finish_reason: finish }] };
}

function frameOf(of: Case, payload: unknown): string {
  const name = of.api === "messages" ? `event: ${(payload as { type: string }).type}\n` : "";
  return `${name}data: ${typeof payload === "string" ? payload : JSON.stringify(payload)}\n\n`;
}

type WirePiece = string | { readonly raw?: string; readonly raw_base64?: string };

function wireBytes(input: readonly WirePiece[]): Buffer {
  return Buffer.concat(
    input.map((piece) =>
      typeof piece === "string"
        ? Buffer.from(piece)
        : piece.raw === undefined
          ? Buffer.from(piece.raw_base64 ?? "", "base64")
          : Buffer.from(piece.raw),
    ),
  );
}
