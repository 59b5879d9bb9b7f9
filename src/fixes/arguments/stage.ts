/**
 * The argument rules on the deltas of one reply: every call runs through a machine of its own.
 * Choices and calls may be interleaved; their order is kept (line.ts).
 */
import type { Delta, RequestView, ToolArgs, ToolOpen } from "../../core/delta.ts";
import type { ArgumentFix, Emit, Note, PlannedFix, Stage } from "../fix.ts";
import { createCall, createTools, endCall, feedCall, type Numbers, type Tools } from "./call.ts";
import { Line } from "./line.ts";
import type { Ending } from "./rule.ts";
import { type ActiveRule, createRuleSet } from "./ruleset.ts";

/** Reasons that say the model was stopped in its work. */
const CUT: ReadonlySet<string> = new Set([
  "length",
  "max_tokens",
  "content_filter",
  "model_context_window_exceeded",
  "incomplete",
  "error",
]);
/** More text than this behind something that waits: give up and let everything pass. */
const MAX_LINE = 4 * 1024 * 1024;

export function createArgumentStage(
  plan: readonly PlannedFix[],
  request: RequestView,
  noteBy: (fix: string, mode: PlannedFix["mode"]) => Note,
): Stage | undefined {
  const active: ActiveRule[] = plan.map(({ fix, mode, options }) => ({
    name: fix.name,
    rule: (fix as ArgumentFix).rule(options as never),
    note: noteBy(fix.name, mode),
    broken: false,
  }));
  return new ArgumentStage(createTools(request, createRuleSet(active)));
}

class ArgumentStage implements Stage {
  readonly #tools: Tools;
  readonly #line = new Line();
  readonly #choices = new Map<number, Numbers>();

  constructor(tools: Tools) {
    this.#tools = tools;
  }

  get held(): number {
    let held = this.#line.held;
    for (const choice of this.#choices.values()) {
      for (const call of choice.calls.values()) if (call.waiting.pieces.length === 0) held += call.machine.held;
    }
    return held;
  }

  onDelta(delta: Delta, emit: Emit): void {
    switch (delta.kind) {
      case "tool-open":
        this.#open(delta);
        break;
      case "tool-args":
        if (this.#line.empty && this.#isPlain(delta)) return emit(delta);
        this.#args(delta);
        break;
      case "tool-close":
        this.#close(delta);
        break;
      case "finish":
        this.#end(delta.choice, { reason: delta.reason, cut: CUT.has(delta.reason) });
        this.#line.add(delta);
        break;
      case "done":
        for (const choice of this.#choices.keys()) this.#end(choice, { reason: undefined, cut: false });
        this.#line.add(delta);
        break;
      default:
        if (this.#line.empty) return emit(delta);
        this.#line.add(delta);
    }
    this.#line.flush(emit);
    if (this.#line.held > MAX_LINE) this.release(emit);
  }

  onEnd(emit: Emit): void {
    for (const choice of this.#choices.keys()) this.#end(choice, { reason: undefined, cut: true });
    this.#line.flush(emit);
  }

  release(emit: Emit): void {
    for (const choice of this.#choices.values()) {
      for (const call of choice.calls.values()) {
        if (call.ended) continue;
        call.ended = true;
        if (!call.whole) feedCall(this.#line, call, call.machine.release());
      }
    }
    this.#line.release(emit);
  }

  #choice(index: number): Numbers {
    let choice = this.#choices.get(index);
    if (!choice) this.#choices.set(index, (choice = { calls: new Map(), next: 0 }));
    return choice;
  }

  #open(delta: ToolOpen): void {
    const choice = this.#choice(delta.choice);
    for (const call of choice.calls.values()) {
      // Calls are mostly written one after the other: what waits only for the end of its text is decided now.
      if (!call.ended && !call.whole) feedCall(this.#line, call, call.machine.close());
      // An API that closes its calls opens the next one only when the model went on: it was not cut.
      if (call.closing) endCall(this.#line, call, { reason: "tool_use", cut: false }, this.#tools, choice);
    }
    const number = choice.calls.has(delta.tool) || delta.tool < choice.next ? Math.max(choice.next, delta.tool) : delta.tool;
    choice.next = Math.max(choice.next, number + 1);
    choice.calls.set(delta.tool, createCall(this.#line, delta, number, this.#tools, choice));
  }

  #args(delta: ToolArgs): void {
    const call = this.#choices.get(delta.choice)?.calls.get(delta.tool);
    if (!call || call.ended) return this.#line.add(delta);
    const own = call.open.tool === delta.tool ? delta : { ...delta, tool: call.open.tool };
    call.waiting.pieces.push(this.#line.hold(own));
    const piece = call.read(delta.text);
    if (call.whole) call.text += piece;
    else feedCall(this.#line, call, call.machine.push(piece));
  }

  #close(delta: Extract<Delta, { kind: "tool-close" }>): void {
    const choice = this.#choice(delta.choice);
    const call = choice.calls.get(delta.tool);
    if (!call || call.ended) {
      if (!call) this.#line.add(delta);
      return;
    }
    if (!call.whole) feedCall(this.#line, call, call.machine.close());
    const own = call.open.tool === delta.tool ? delta : { ...delta, tool: call.open.tool };
    const over = call.machine.complete || (call.raw === "" && this.#tools.emptyIsNone);
    if (over && !call.whole) endCall(this.#line, call, { reason: undefined, cut: false }, this.#tools, choice, own);
    else call.closing = this.#line.hold(own);
  }

  #end(index: number, ending: Ending): void {
    const choice = this.#choices.get(index);
    if (!choice) return;
    for (const call of choice.calls.values()) if (!call.ended) endCall(this.#line, call, ending, this.#tools, choice);
  }

  /** Text that lies wholly inside a string needs no machine: the hot path of a clean stream. */
  #isPlain(delta: ToolArgs): boolean {
    const call = this.#choices.get(delta.choice)?.calls.get(delta.tool);
    return call !== undefined && !call.whole && call.open.tool === delta.tool && call.skim(delta.text);
  }
}
