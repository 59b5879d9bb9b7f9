import type { Delta, RequestView } from "../../../src/core/delta.ts";
import type { FixNote } from "../../../src/core/exchange.ts";
import { createContentStage } from "../../../src/fixes/content/stage.ts";
import { CONTENT_FIXES } from "../../../src/fixes/content/index.ts";
import { planFixes } from "../../../src/fixes/index.ts";
import { createNotes } from "../../../src/fixes/lane.ts";
import type { Case } from "./cases.ts";
import { TOOLS } from "./tools.ts";

export interface Played {
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly { readonly id: string; readonly name: string; readonly arguments: string }[];
  readonly finish: string | undefined;
  readonly notes: readonly FixNote[];
  readonly out: readonly Delta[];
}

export type Cut = (text: string) => readonly string[];

export const whole: Cut = (text) => (text === "" ? [] : [text]);
export const characters: Cut = (text) => Array.from(text);
export const at =
  (index: number): Cut =>
  (text) =>
    [text.slice(0, index), text.slice(index)].filter((part) => part !== "");

export function viewOf(one: Partial<Case>): RequestView {
  const request = one.request ?? {};
  return {
    model: "m",
    stream: true,
    tools: one.noTools === true ? [] : TOOLS,
    toolsForbidden: request["tool_choice"] === "none",
    parallelToolCalls: request["parallel_tool_calls"] === false ? false : undefined,
    conversation: undefined,
    body: request,
  };
}

export function deltasOf(one: Pick<Case, "text" | "reasoning" | "finish">, cut: Cut, choice = 0): Delta[] {
  return [
    { kind: "meta", id: "chatcmpl-1" },
    ...cut(one.reasoning ?? "").map((text): Delta => ({ kind: "reasoning", choice, text })),
    ...cut(one.text).map((text): Delta => ({ kind: "text", choice, text })),
    { kind: "finish", choice, reason: one.finish ?? "stop" },
    { kind: "done" },
  ];
}

/** Runs deltas through the stage. `only`: names of the fixes to plan, all by default. */
export function play(deltas: readonly Delta[], request: RequestView, only?: readonly string[], withProse = false): Played {
  const fixes = only ? CONTENT_FIXES.filter((fix) => only.includes(fix.name)) : CONTENT_FIXES;
  const plan = planFixes({ enabled: true, modules: withProse ? { content_fenced_json: { with_prose: true } } : {} }, fixes);
  const notes = createNotes();
  const stage = createContentStage(plan, request, notes.by);
  const out: Delta[] = [];
  const emit = (delta: Delta): void => void out.push(delta);
  for (const delta of deltas) {
    if (stage) stage.onDelta(delta, emit);
    else emit(delta);
  }
  stage?.onEnd(emit);
  return { ...fold(out), notes: notes.list, out };
}

export function playCase(one: Partial<Case> & Pick<Case, "text">, cut: Cut, only?: readonly string[]): Played {
  return play(deltasOf(one, cut), viewOf(one), only, one.request?.["with_prose"] === true);
}

function fold(deltas: readonly Delta[], choice = 0): Omit<Played, "notes" | "out"> {
  let text = "";
  let reasoning = "";
  let finish: string | undefined;
  const calls = new Map<number, { id: string; name: string; arguments: string }>();
  for (const delta of deltas) {
    if (!("choice" in delta) || delta.choice !== choice) continue;
    if (delta.kind === "text") text += delta.text;
    else if (delta.kind === "reasoning") reasoning += delta.text;
    else if (delta.kind === "tool-open") calls.set(delta.tool, { id: delta.id, name: delta.name, arguments: "" });
    else if (delta.kind === "tool-args") {
      const call = calls.get(delta.tool);
      if (call) call.arguments += delta.text;
    } else if (delta.kind === "finish") finish = delta.reason;
  }
  return { text, reasoning, calls: [...calls.values()], finish };
}
