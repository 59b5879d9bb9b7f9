import type { Delta } from "../../core/delta.ts";
import { isObject } from "../../wire/json.ts";
import { snippet, type Emit } from "../fix.ts";
import type { TextContext } from "./context.ts";
import { isEcho } from "./echo.ts";
import { callId } from "./ids.ts";
import { isCut, reasonWithCalls } from "./reasons.ts";
import { MAX_CALLS, resolve, type Found } from "./resolve.ts";
import type { Call, Verdict } from "./rule.ts";
import { Scanner, type Block, type ScannerHost, type Target } from "./scanner.ts";
import type { ContentShared } from "./shared.ts";
import { judgeTail } from "./tail.ts";
import { ThinkRouter, type ThinkHost } from "./think-router.ts";
import { WholeReply } from "./whole-reply.ts";

/** How what is held may be read: the message ended, a native call follows, or it was cut. */
type End = "stop" | "boundary" | "cut";

type ChoiceDelta = Extract<Delta, { readonly choice: number }>;

/** One choice of a reply: its text and reasoning, and the calls found in them. */
export class ContentChoice implements ScannerHost, ThinkHost {
  readonly index: number;
  readonly #shared: ContentShared;
  readonly #text: Scanner;
  /** Made with the first reasoning. */
  #reasoning: Scanner | undefined;
  /** Gone once it has nothing more to look at. */
  #think: ThinkRouter | undefined;
  readonly #whole: WholeReply | undefined;
  /** Set for the time of one call from outside. */
  #emit: Emit | undefined;
  #delta: Delta | undefined;
  /** Content other than white space went out. */
  #said = false;
  #native = false;
  #made: { readonly call: Call; readonly rule: string }[] | undefined;
  #last: Call | undefined;
  #nextTool = 0;
  #count = 0;
  #numbers: Map<number, number> | undefined;
  #over = false;

  constructor(index: number, shared: ContentShared) {
    this.index = index;
    this.#shared = shared;
    this.#whole = shared.request.stream ? undefined : new WholeReply();
    this.#text = new Scanner(this, "content", shared.rules.marks);
    const { think } = shared;
    if (!think) return;
    const model = (shared.request.model ?? "").toLowerCase();
    const prefilled = think.rule.prefilled.some((name) => model.includes(name));
    this.#think = new ThinkRouter(think.rule, this, !shared.request.stream, prefilled);
  }

  get held(): number {
    return this.#text.held + (this.#reasoning?.held ?? 0) + (this.#think?.held ?? 0);
  }

  /** Text or reasoning without the beginning of a mark would pass as it is. */
  sleeps(kind: "text" | "reasoning"): boolean {
    if (this.#over) return true;
    if (this.#whole || this.held > 0) return false;
    return kind === "text" ? this.#text.sleeps && (this.#think?.sleeps ?? true) : (this.#reasoning?.sleeps ?? true);
  }

  onDelta(delta: ChoiceDelta, emit: Emit): void {
    if (this.#over || ((delta.kind === "text" || delta.kind === "reasoning") && delta.text === "")) return emit(delta);
    this.#emit = this.#whole?.emit ?? emit;
    this.#delta = delta;
    if (delta.kind === "text" || delta.kind === "reasoning") this.#whole?.came(delta);
    switch (delta.kind) {
      case "text":
        if (this.#think) this.#routeText(this.#think, delta.text);
        else this.#pushText(delta.text);
        return this.#whole && this.held === 0 ? this.#whole.flush(emit) : undefined;
      case "reasoning":
        this.#think?.parsed();
        this.#text.letGo();
        this.reasoning(delta.text, true);
        return this.#whole && this.held === 0 ? this.#whole.flush(emit) : undefined;
      case "tool-open":
        this.settle("boundary", emit);
        this.#native = true;
        return emit(this.#renumber(delta));
      case "tool-args":
      case "tool-close": {
        const tool = this.#numbers?.get(delta.tool);
        return emit(tool === undefined ? delta : { ...delta, tool });
      }
      case "finish": {
        this.settle(isCut(delta.reason) ? "cut" : "stop", emit);
        this.#over = true;
        const reason = this.#count > 0 ? reasonWithCalls(delta.reason) : undefined;
        return emit(reason === undefined ? delta : { ...delta, reason });
      }
    }
  }

  /** Decides about everything held. */
  settle(end: End, emit: Emit): void {
    if (this.#over) return;
    this.#emit = this.#whole?.emit ?? emit;
    this.#delta = undefined;
    if (this.held > 0) {
      this.#think?.end();
      const alone = end === "stop" && !this.#said && !this.#native && this.#text.held === 0;
      if (this.#reasoning) this.#finish(this.#reasoning, "reasoning", end === "cut" ? "cut" : alone ? "stop" : "boundary");
      this.#finish(this.#text, "content", end);
    }
    this.#whole?.flush(emit);
    this.#emit = emit;
    this.#flushCalls();
  }

  release(emit: Emit): void {
    this.#emit = this.#whole?.emit ?? emit;
    this.#delta = undefined;
    this.#over = true;
    this.#think?.end();
    this.#reasoning?.release();
    this.#text.release();
    this.#whole?.flush(emit);
  }

  #routeText(think: ThinkRouter, text: string): void {
    think.push(text);
    if (think.sleeps) this.#think = undefined;
  }

  #pushText(text: string): void {
    if (!this.#said && this.#reasoning && this.#reasoning.held > 0 && text.trim() !== "")
      this.#finish(this.#reasoning, "reasoning", "boundary");
    this.#text.push(text);
  }

  #finish(scanner: Scanner, target: Target, end: End): void {
    for (let block = scanner.take(); block; block = scanner.take()) {
      if (block.tail && target === "content" && end !== "cut") {
        this.#note(this.#shared.rules.tail?.name ?? "", target, "end token", block.text, "");
      } else if (!block.place || block.tail || (target === "reasoning" && end === "boundary")) {
        scanner.pass(block.text);
      } else if (end === "cut") {
        this.#refuse(this.#shared.ruleOf(block.text), target, block.text, "the reply was cut inside a call");
        scanner.pass(block.text);
      } else {
        this.#resolve(scanner, target, { ...block, place: block.place });
      }
    }
  }

  #resolve(scanner: Scanner, target: Target, block: Block & { readonly place: NonNullable<Block["place"]> }): void {
    const { text, place } = block;
    const held = { text, place, whole: block.opening, last: target === "reasoning" };
    const result = resolve(held, this.#shared.calls, this.#shared.offer, (named, text, at) => this.#shared.read(named, text, at));
    if (result.kind === "refused") {
      this.#refuse(result.rule, target, text, result.reason);
      return scanner.pass(text);
    }
    if (result.kind === "prose") {
      scanner.pass(text.slice(0, result.length));
      return this.#readOn(scanner, text.slice(result.length));
    }
    const sources = new Map(result.found.flatMap((found) => (found.piece.kind === "call" ? [[found.source, found]] : [])));
    const echo = [...sources.values()].find(({ source }) => isEcho(source, this.#shared.request.body));
    if (echo) {
      this.#refuse(echo.rule, target, text, "the call stands in what a user or a tool said: an echo is not executed");
      return scanner.pass(text);
    }
    // What was held is counted at the first block only: the later ones are part of it.
    const size = !this.#made ? bytesOf(text) : undefined;
    for (const found of result.found) this.#accept(scanner, target, found, size);
    scanner.context.breakLine();
    this.#readOn(scanner, result.rest);
  }

  /** Text behind a block. */
  #readOn(scanner: Scanner, rest: string): void {
    if ((this.#made?.length ?? 0) > MAX_CALLS) scanner.pass(rest);
    else if (rest !== "") scanner.push(rest);
  }

  #accept(scanner: Scanner, target: Target, { rule, piece, source }: Found, held: number | undefined): void {
    if (piece.kind === "text") {
      this.#note(rule, target, "channel", source, piece.text);
      return scanner.pass(piece.text.trim() === "" ? "" : piece.text);
    }
    if (piece.kind === "reasoning") {
      this.#note(rule, target, "channel", source, piece.text);
      return this.write("reasoning", piece.text, false);
    }
    const { call } = piece;
    const { repeat } = this.#shared;
    if (repeat && this.#last?.name === call.name && this.#last.arguments === call.arguments) {
      return this.#note(repeat.name, target, "repeated call", source, "", call.name);
    }
    this.#last = call;
    this.#note(rule, target, "call", source, `${call.name} ${call.arguments}`, call.name, held);
    if (target === "reasoning") this.#note(this.#shared.rules.reasoning ?? "", target, "call in reasoning", source, call.name, call.name);
    (this.#made ??= []).push({ call, rule });
  }

  #flushCalls(): void {
    for (const { call } of this.#made ?? []) {
      const tool = this.#nextTool++;
      const messages = isObject(this.#shared.request.body) ? this.#shared.request.body["messages"] : undefined;
      const turn = Array.isArray(messages) ? messages.length : 0;
      const seed = [this.#shared.id, turn, this.index, this.#count++, call.name, call.arguments].join("\u0000");
      const at = { choice: this.index, tool };
      this.#out({ kind: "tool-open", ...at, id: callId(seed), name: call.name });
      this.#out({ kind: "tool-args", ...at, text: call.arguments });
      this.#out({ kind: "tool-close", ...at });
    }
    this.#made = undefined;
  }

  /** Calls that were made take the lower numbers; a native call that would collide gets the next free one. */
  #renumber(delta: Extract<Delta, { kind: "tool-open" }>): Delta {
    const tool = this.#count > 0 ? Math.max(delta.tool, this.#nextTool) : delta.tool;
    this.#nextTool = Math.max(this.#nextTool, tool + 1);
    if (tool === delta.tool) return delta;
    (this.#numbers ??= new Map()).set(delta.tool, tool);
    return { ...delta, tool };
  }

  judge(target: Target, head: string, opening: boolean, alone: boolean): Verdict | number {
    return this.#shared.judge(head, opening, alone || target === "reasoning");
  }

  judgeTail(target: Target, head: string, context: TextContext): Verdict {
    const { tail } = this.#shared.rules;
    return tail && target === "content" ? judgeTail(head, tail.rule.tokens, context) : "no";
  }

  write(target: Target, text: string, original: boolean): void {
    if (target === "content" && !this.#said && text.trim() !== "") this.#said = true;
    if (original && this.#delta) return this.#out(this.#delta);
    this.#out({ kind: target === "content" ? "text" : "reasoning", choice: this.index, text });
  }

  overflow(target: Target, text: string): void {
    const reason = "the block is larger than what may be held";
    const name = this.#shared.calls[0]?.name ?? "";
    this.#shared.note(name, { action: "skipped", target, choice: this.index, before: snippet(text), reason });
  }

  text(text: string, original: boolean): void {
    if (!original) this.#delta = undefined;
    this.#pushText(text);
  }

  reasoning(text: string, original: boolean): void {
    if (!original) this.#delta = undefined;
    const { rules } = this.#shared;
    if (rules.reasoning === undefined) return this.write("reasoning", text, original);
    this.#reasoning ??= new Scanner(this, "reasoning", rules.marks);
    this.#reasoning.push(text);
  }

  /** A think block was moved; `how`: the case. */
  moved(how: "block" | "closing tag" | "prefilled", sample: string): void {
    this.#note(this.#shared.think?.name ?? "", "content", how, sample, "");
  }

  #out(delta: Delta): void {
    this.#emit?.(delta);
  }

  #refuse(fix: string, target: Target, text: string, reason: string): void {
    const before = snippet(text);
    this.#shared.note(fix, { action: "refused", target, choice: this.index, before, reason, bytesHeldMax: bytesOf(text) });
  }

  #note(fix: string, target: Target, rule: string, before: string, after: string, toolName?: string, held?: number): void {
    this.#shared.note(fix, {
      action: "fixed",
      rule,
      target,
      choice: this.index,
      ...(toolName === undefined ? {} : { toolName, tool: this.#nextTool + (this.#made?.length ?? 0) }),
      before: snippet(before),
      after: snippet(after),
      ...(held === undefined ? {} : { bytesHeldMax: held }),
    });
  }
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
