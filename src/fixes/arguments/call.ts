/** One tool call on its way through the stage: its name, its machine, and what waits. */
import type { Delta, RequestView, ToolArgs, ToolOpen } from "../../core/delta.ts";
import { asArray, isObject } from "../../wire/json.ts";
import { snippet } from "../fix.ts";
import type { NoteBy } from "../notes.ts";
import type { Wakes } from "../wakes.ts";
import { passes } from "./body.ts";
import { CallText } from "./call-text.ts";
import { createWaiting, type Item, type Line, type Waiting } from "./line.ts";
import { Machine } from "./machine.ts";
import { mendName } from "./name.ts";
import { Offered } from "./offered.ts";
import type { CallTool, Ending } from "./rule.ts";
import { type ArgumentTables, RuleSet } from "./ruleset.ts";
import { withoutSpace } from "./scan.ts";

/** The request's tools and the rules, for one reply. */
export class Tools {
  readonly rules: RuleSet;
  readonly noteBy: NoteBy;
  readonly offered: Offered;
  /** The reply comes whole: nothing is gained by sending early, so a refusal can take everything back. */
  readonly whole: boolean;
  /** In this API no text at all means no arguments. */
  readonly emptyIsNone: boolean;
  /** The request forbids more than one call. */
  readonly single: boolean;

  constructor(tables: ArgumentTables, request: RequestView, noteBy: NoteBy) {
    this.rules = new RuleSet(tables, noteBy);
    this.noteBy = noteBy;
    this.offered = new Offered(request);
    this.whole = !request.stream;
    const declared = isObject(request.body) ? asArray(request.body["tools"]) : [];
    this.emptyIsNone = declared.some((tool) => isObject(tool) && "input_schema" in tool);
    this.single = request.parallelToolCalls === false && tables.repeats !== undefined;
  }
}

type ToolClose = Extract<Delta, { kind: "tool-close" }>;

/** The calls of one choice. */
export class Numbers {
  readonly index: number;
  /** By their number on the wire. */
  readonly calls = new Map<number, Call>();
  /** The next free number. */
  next = 0;
  /** Calls that have read something since the last one opened. */
  readonly fresh = new Set<Call>();
  /** What the calls that are over say, where none may say it twice. */
  readonly said = new Set<string>();

  constructor(index: number) {
    this.index = index;
  }
}

export class Call {
  /** As it is sent: name mended, number its own. */
  readonly open: ToolOpen;
  readonly machine: Machine;
  readonly waiting: Waiting = createWaiting();
  /** Nothing is sent before the end is known. */
  readonly whole: boolean;
  /** The held `tool-open` of a call that is left out should it repeat an earlier one. */
  readonly gate: Item | undefined;
  /** Held until it is known why the reply ended. */
  closing: Item | undefined;
  ended = false;
  readonly text = new CallText();
  /** What came of a `whole` call. */
  readonly #pieces: string[] = [];
  readonly #rules: RuleSet;
  /** Notes of a `whole` call wait for its end: what is taken back was not fixed. */
  #notes: ((verbatim: boolean) => void)[] | undefined;

  constructor(open: ToolOpen, tools: Tools, gate: Item | undefined) {
    this.open = open;
    this.gate = gate;
    this.whole = tools.whole || gate !== undefined;
    this.#rules = this.whole ? tools.rules.reportingTo(this.#later(tools.noteBy)) : tools.rules;
    const tool: CallTool = tools.offered.find(open.name);
    const where = { choice: open.choice, tool: open.tool, toolName: open.name };
    this.machine = new Machine({ tool, rules: this.#rules, shape: tool.shape, where, from: "start", level: 0, call: this.text });
  }

  /** Takes note of what came; the piece the machine is to read. */
  read(text: string): string {
    let piece = text;
    for (const entry of this.#rules.tables.pieces) {
      const seen = this.text.cameBefore(piece);
      if (seen === undefined || !this.#rules.works(entry)) continue;
      const better = entry.rule.piece?.(seen, piece, this.machine) ?? piece;
      if (better !== piece) this.#noteCut(entry, piece, better);
      piece = better;
    }
    this.text.came(piece);
    return piece;
  }

  /** A piece of a `whole` call. */
  keep(piece: string): void {
    this.#pieces.push(piece);
  }
  /** All of a `whole` call, once. */
  takeKept(): string {
    return this.#pieces.splice(0).join("");
  }

  /** Whether `text` lies inside a string and is sent as it is without more ado. */
  skim(text: string): boolean {
    const { machine } = this;
    if (!this.#inBody || !passes(text, machine.trusted, this.#rules.tables.by.mark.length > 0)) return false;
    machine.skipped(text);
    this.text.passed(text);
    return true;
  }

  /** Which characters keep `skim` from letting a text pass; undefined: any may. */
  get wakes(): Wakes | undefined {
    const { body } = this.#rules.tables;
    return this.#inBody ? (this.machine.trusted ? body.trusted : body.other) : undefined;
  }

  settleNotes(verbatim: boolean): void {
    for (const note of this.#notes?.splice(0) ?? []) note(verbatim);
  }

  get #inBody(): boolean {
    return !this.whole && this.machine.inBody && this.waiting.pieces.length === 0;
  }

  #later(noteBy: NoteBy): NoteBy {
    return (fix, mode) => (body) => {
      (this.#notes ??= []).push((verbatim) => {
        if (!verbatim || body.action !== "fixed") noteBy(fix, mode)(body);
      });
    };
  }

  #noteCut(entry: RuleSet["tables"]["all"][number], piece: string, better: string): void {
    const { choice, tool, name } = this.open;
    const at = { choice, tool, toolName: name, target: "tool_call.arguments" } as const;
    this.#rules.note(entry, { ...at, action: "fixed", before: snippet(piece), after: snippet(better) });
  }
}

export function createCall(line: Line, delta: ToolOpen, number: number, tools: Tools, choice: Numbers): Call {
  const name = mendName(delta, tools.offered, tools.rules);
  const open = name === delta.name && number === delta.tool ? delta : { ...delta, name, tool: number };
  const gate = tools.single && choice.calls.size > 0 ? line.hold(open) : undefined;
  if (!gate) line.add(open);
  return new Call(open, tools, gate);
}

/** What the machine made of the input so far goes to the pieces that wait for it. */
export function feedCall(line: Line, call: Call, out: string): void {
  const { waiting, machine, open } = call;
  call.text.went(out);
  waiting.text += out;
  line.match(waiting, machine.held > 0);
  if (waiting.text !== "" && waiting.pieces.length === 0) {
    line.add({ kind: "tool-args", choice: open.choice, tool: open.tool, text: waiting.text });
    waiting.text = "";
  }
  line.reserve(waiting, waiting.pieces.length === 0 ? machine.held : 0);
}

/** The call is over. `close`: its own end, which has just come. */
export function endCall(line: Line, call: Call, ending: Ending, tools: Tools, choice: Numbers, close?: ToolClose): void {
  call.ended = true;
  const { open, machine, waiting } = call;
  const made: Delta[] = [];
  if (!(call.text.nothingCame && tools.emptyIsNone)) {
    const read = machine.push(call.takeKept());
    call.text.went(read);
    const rest = machine.end(ending);
    call.text.went(rest);
    // In a reply that comes whole everything can still be taken back.
    const verbatim = call.whole && (ending.cut || machine.refused);
    if (verbatim) machine.splits.length = 0;
    waiting.text += verbatim ? waiting.pieces.map((item) => (item.delta as ToolArgs).text).join("") : read + rest;
    call.settleNotes(verbatim);
  }
  line.reserve(waiting, 0);
  if (tools.single && repeats(call, choice, tools)) {
    for (const item of [call.gate, ...waiting.pieces, call.closing]) if (item) line.decide(item, []);
    return;
  }
  if (call.gate) line.decide(call.gate, [open]);
  line.match(waiting, false);
  if (waiting.text !== "") made.push({ kind: "tool-args", choice: open.choice, tool: open.tool, text: waiting.text });
  const closing = call.closing?.delta ?? close;
  if (closing) made.push(closing);
  else if (machine.splits.length > 0) made.push({ kind: "tool-close", choice: open.choice, tool: open.tool });
  machine.splits.forEach((text, i) => {
    const tool = choice.next;
    choice.next += 1;
    made.push({ ...open, tool, id: open.id === "" ? "" : `${open.id}-${i + 2}` });
    made.push({ kind: "tool-args", choice: open.choice, tool, text }, { kind: "tool-close", choice: open.choice, tool });
  });
  if (call.closing) line.decide(call.closing, made);
  else for (const delta of made) line.add(delta);
}

/** Whether an earlier call of the choice says the same; such a call has a gate, unless it is the first. */
function repeats({ open, text, gate }: Call, choice: Numbers, { rules }: Tools): boolean {
  const { sent } = text;
  const entry = rules.tables.repeats;
  if (sent === undefined || !entry || !rules.works(entry)) return false;
  const said = `${open.name} ${withoutSpace(sent)}`;
  if (!choice.said.has(said) || !gate) {
    choice.said.add(said);
    return false;
  }
  const where = { choice: open.choice, tool: open.tool, toolName: open.name } as const;
  rules.note(entry, { ...where, action: "fixed", target: "tool_call.arguments", before: snippet(sent), after: "" });
  return true;
}
