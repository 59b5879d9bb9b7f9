/**
 * The argument rules on the deltas of one reply: every call runs through a machine of its own.
 * Choices and calls may be interleaved; their order is kept (line.ts).
 */
import type { Delta, RequestView, ToolArgs, ToolOpen } from "../../core/delta.ts";
import type { Emit, PlannedFix, Said, Stage } from "../fix.ts";
import { ByChoice } from "../by-choice.ts";
import type { NoteBy } from "../notes.ts";
import { NEVER, type Wakes } from "../wakes.ts";
import { type Call, createCall, endCall, feedCall, Numbers, Tools } from "./call.ts";
import { Line } from "./line.ts";
import type { Ending } from "./rule.ts";
import { argumentTables, type ArgumentTables } from "./ruleset.ts";

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

export function createArgumentStage(plan: readonly PlannedFix[], request: RequestView, noteBy: NoteBy): Stage {
  return new ArgumentStage(argumentTables(plan), request, noteBy);
}

export class ArgumentStage implements Stage {
  readonly #tools: Tools;
  readonly #line = new Line();
  readonly #choices = new ByChoice<Numbers>();
  /** The call whose piece came last, and where its pieces come. */
  #last: Call | undefined;
  #lastChoice = -1;
  #lastTool = -1;

  constructor(tables: ArgumentTables, request: RequestView, noteBy: NoteBy) {
    this.#tools = new Tools(tables, request, noteBy);
  }

  get held(): number {
    return this.#line.held;
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
        for (const { index } of this.#choices.all) this.#end(index, { reason: undefined, cut: false });
        this.#line.add(delta);
        break;
      default:
        if (this.#line.empty) return emit(delta);
        this.#line.add(delta);
    }
    this.#line.flush(emit);
    if (this.#line.waiting > MAX_LINE) this.release(emit);
  }

  /** Text and reasoning pass between calls; arguments do inside a string, but for what may end or change it. */
  wakes(delta: Said): Wakes | undefined {
    if (delta.kind !== "tool-args") return NEVER;
    const call = this.#call(delta);
    return call?.open.tool === delta.tool ? call.wakes : undefined;
  }

  onEnd(emit: Emit): void {
    for (const { index } of this.#choices.all) this.#end(index, { reason: undefined, cut: true });
    this.#line.flush(emit);
  }

  release(emit: Emit): void {
    for (const choice of this.#choices.all) {
      for (const call of choice.calls.values()) {
        if (call.ended) continue;
        call.ended = true;
        if (!call.whole) feedCall(this.#line, call, call.machine.release());
      }
    }
    this.#line.release(emit);
  }

  #choice(index: number): Numbers {
    return this.#choices.find(index) ?? this.#choices.add(new Numbers(index));
  }

  #call({ choice, tool }: ToolArgs | ToolClose): Call | undefined {
    if (tool !== this.#lastTool || choice !== this.#lastChoice) {
      this.#last = this.#choices.find(choice)?.calls.get(tool);
      this.#lastChoice = choice;
      this.#lastTool = tool;
    }
    return this.#last;
  }

  #open(delta: ToolOpen): void {
    const choice = this.#choice(delta.choice);
    for (const call of choice.fresh) {
      // Calls are mostly written one after the other: what waits only for the end of its text is decided now.
      if (!call.ended && !call.whole) feedCall(this.#line, call, call.machine.close());
      // An API that closes its calls opens the next one only when the model went on: it was not cut.
      if (call.closing && !call.ended) endCall(this.#line, call, { reason: "tool_use", cut: false }, this.#tools, choice);
    }
    choice.fresh.clear();
    const number = choice.calls.has(delta.tool) || delta.tool < choice.next ? Math.max(choice.next, delta.tool) : delta.tool;
    choice.next = Math.max(choice.next, number + 1);
    const call = createCall(this.#line, delta, number, this.#tools, choice);
    choice.calls.set(delta.tool, call);
    choice.fresh.add(call);
    this.#lastTool = -1;
  }

  #args(delta: ToolArgs): void {
    const call = this.#call(delta);
    if (!call || call.ended) return this.#line.add(delta);
    this.#choice(delta.choice).fresh.add(call);
    const own = call.open.tool === delta.tool ? delta : { ...delta, tool: call.open.tool };
    call.waiting.pieces.push(this.#line.hold(own));
    const piece = call.read(delta.text);
    if (call.whole) call.keep(piece);
    else feedCall(this.#line, call, call.machine.push(piece));
  }

  #close(delta: ToolClose): void {
    const call = this.#call(delta);
    if (!call || call.ended) {
      if (!call) this.#line.add(delta);
      return;
    }
    if (!call.whole) feedCall(this.#line, call, call.machine.close());
    const own = call.open.tool === delta.tool ? delta : { ...delta, tool: call.open.tool };
    const over = call.machine.complete || (call.text.nothingCame && this.#tools.emptyIsNone);
    const choice = this.#choice(delta.choice);
    if (over && !call.whole) endCall(this.#line, call, { reason: undefined, cut: false }, this.#tools, choice, own);
    else {
      call.closing = this.#line.hold(own);
      choice.fresh.add(call);
    }
  }

  #end(index: number, ending: Ending): void {
    const choice = this.#choices.find(index);
    if (!choice) return;
    for (const call of choice.calls.values()) if (!call.ended) endCall(this.#line, call, ending, this.#tools, choice);
  }

  /** Text that lies wholly inside a string needs no machine: the hot path of a clean stream. */
  #isPlain(delta: ToolArgs): boolean {
    const call = this.#call(delta);
    return call !== undefined && call.open.tool === delta.tool && call.skim(delta.text);
  }
}

type ToolClose = Extract<Delta, { kind: "tool-close" }>;
