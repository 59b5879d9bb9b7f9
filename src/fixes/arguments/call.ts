/** One tool call on its way through the stage: its name, its machine, and what waits. */
import type { Delta, RequestView, ToolArgs, ToolOpen } from "../../core/delta.ts";
import { asArray, isObject } from "../../wire/json.ts";
import { type Note, snippet } from "../fix.ts";
import { createWaiting, type Item, type Line, type Waiting } from "./line.ts";
import { Machine } from "./machine.ts";
import { mendName } from "./name.ts";
import type { CallTool, Ending } from "./rule.ts";
import { createRuleSet, type RuleSet } from "./ruleset.ts";
import { withoutSpace } from "./scan.ts";
import { ANY, compileSchema } from "./schema.ts";

/** Raw text kept per call, to know a resend of all of it. */
const MAX_RAW = 64 * 1024;

/** The request's tools and the rules, for one reply. */
export interface Tools {
  readonly rules: RuleSet;
  readonly offered: readonly CallTool[];
  find(name: string): CallTool;
  /** The reply comes whole: nothing is gained by sending early, so a refusal can take everything back. */
  readonly whole: boolean;
  /** In this API no text at all means no arguments. */
  readonly emptyIsNone: boolean;
  /** The request forbids more than one call. */
  readonly single: boolean;
}

export function createTools(request: RequestView, rules: RuleSet): Tools {
  const offered = request.tools.map(({ name, parameters }): CallTool => {
    let shape: CallTool["shape"] | undefined;
    return {
      name,
      offered: true,
      known: isObject(parameters),
      get shape() {
        return (shape ??= compileSchema(parameters));
      },
    };
  });
  const byName = new Map(offered.map((tool) => [tool.name, tool]));
  const declared = isObject(request.body) ? asArray(request.body["tools"]) : [];
  return {
    rules,
    offered,
    find: (name) => byName.get(name) ?? { name, offered: false, known: false, shape: ANY },
    whole: !request.stream,
    emptyIsNone: declared.some((tool) => isObject(tool) && "input_schema" in tool),
    single: request.parallelToolCalls === false,
  };
}

export interface Call {
  /** As it is sent: name mended, number its own. */
  readonly open: ToolOpen;
  machine: Machine;
  readonly waiting: Waiting;
  /** Nothing is sent before the end is known. */
  readonly whole: boolean;
  /** The held `tool-open` of a call that is left out should it repeat an earlier one. */
  readonly gate: Item | undefined;
  /** Held until it is known why the reply ended. */
  closing: Item | undefined;
  ended: boolean;
  /** Arguments as they came; undefined above MAX_RAW. */
  raw: string | undefined;
  /** Arguments as they were sent, for `gate`; undefined above MAX_RAW. */
  sent: string | undefined;
  /** What came of a `whole` call. */
  text: string;
  /** Takes note of what came; the piece the machine is to read. */
  read(text: string): string;
  keep(which: "raw" | "sent", text: string): void;
  /** Notes of a `whole` call wait for its end: what is taken back was not fixed. */
  settleNotes(verbatim: boolean): void;
  /** Left out, since it repeats an earlier one. */
  dropped: boolean;
  /** Whether `text` lies inside a string and is sent as it is without more ado. */
  skim(text: string): boolean;
}

type ToolClose = Extract<Delta, { kind: "tool-close" }>;

/** The calls of one choice by their number on the wire, and the next free number. */
export interface Numbers {
  readonly calls: Map<number, Call>;
  next: number;
}

export function createCall(line: Line, delta: ToolOpen, number: number, tools: Tools, choice: Numbers): Call {
  const name = mendName(delta, tools);
  const open = name === delta.name && number === delta.tool ? delta : { ...delta, name, tool: number };
  const gated = tools.single && choice.calls.size > 0 && tools.rules.all.some((entry) => entry.rule.repeats);
  const gate = gated ? line.hold(open) : undefined;
  if (!gate) line.add(open);
  return newCall(open, tools, gate);
}

function newCall(open: ToolOpen, tools: Tools, gate: Item | undefined): Call {
  const tool = tools.find(open.name);
  const where = { choice: open.choice, tool: open.tool, toolName: open.name };
  const whole = tools.whole || gate !== undefined;
  const notes: { readonly note: Note; readonly body: Parameters<Note>[0] }[] = [];
  const rules = whole
    ? createRuleSet(tools.rules.all.map((entry) => ({ ...entry, note: (body) => void notes.push({ note: entry.note, body }) })))
    : tools.rules;
  const call: Call = {
    open,
    dropped: false,
    settleNotes(verbatim) {
      for (const { note, body } of notes.splice(0)) if (!verbatim || body.action !== "fixed") note(body);
    },
    machine: new Machine({
      tool,
      rules,
      shape: tool.shape,
      where,
      from: "start",
      level: 0,
      sent: () => call.sent,
    }),
    waiting: createWaiting(),
    whole,
    gate,
    closing: undefined,
    ended: false,
    raw: "",
    sent: "",
    text: "",
    read(text) {
      if (call.raw === undefined) return text;
      let piece = text;
      for (const { rule, broken, note } of tools.rules.all) {
        const better = rule.piece && !broken ? rule.piece(call.raw, piece, call.machine) : piece;
        if (better !== piece)
          note({ ...where, action: "fixed", target: "tool_call.arguments", before: snippet(piece), after: snippet(better) });
        piece = better;
      }
      keep("raw", piece);
      return piece;
    },
    skim(text) {
      if (call.waiting.pieces.length > 0 || !call.machine.skim(text)) return false;
      keep("raw", text);
      keep("sent", text);
      return true;
    },
    keep,
  };
  function keep(which: "raw" | "sent", text: string): void {
    const before = call[which];
    if (before !== undefined) call[which] = before.length + text.length > MAX_RAW ? undefined : before + text;
  }
  return call;
}

/** What the machine made of the input so far goes to the pieces that wait for it. */
export function feedCall(line: Line, call: Call, out: string): void {
  call.keep("sent", out);
  call.waiting.text += out;
  line.match(call.waiting, call.machine.held > 0);
  if (call.waiting.text === "" || call.waiting.pieces.length > 0) return;
  line.add({ kind: "tool-args", choice: call.open.choice, tool: call.open.tool, text: call.waiting.text });
  call.waiting.text = "";
}

/** The call is over. `close`: its own end, which has just come. */
export function endCall(line: Line, call: Call, ending: Ending, tools: Tools, choice: Numbers, close?: ToolClose): void {
  call.ended = true;
  const { open, machine, waiting } = call;
  const made: Delta[] = [];
  if (!(call.raw === "" && tools.emptyIsNone)) {
    const read = machine.push(call.text);
    call.keep("sent", read);
    const rest = machine.end(ending);
    call.keep("sent", rest);
    const out = read + rest;
    // In a reply that comes whole everything can still be taken back.
    const verbatim = call.whole && (ending.cut || machine.refused);
    if (verbatim) machine.splits.length = 0;
    waiting.text += verbatim ? waiting.pieces.map((item) => (item.delta as ToolArgs).text).join("") : out;
    call.settleNotes(verbatim);
  }
  if (call.gate && repeats(call, choice, tools)) {
    for (const item of [call.gate, ...waiting.pieces]) line.decide(item, []);
    if (call.closing) line.decide(call.closing, []);
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

/** Whether an earlier call of the choice says the same. */
function repeats(call: Call, choice: Numbers, tools: Tools): boolean {
  if (call.sent === undefined) return false;
  const said = withoutSpace(call.sent);
  const twin = [...choice.calls.values()].some(
    (other) =>
      other !== call &&
      other.ended &&
      !other.dropped &&
      other.open.name === call.open.name &&
      other.sent !== undefined &&
      withoutSpace(other.sent) === said,
  );
  const entry = tools.rules.all.find(({ rule, broken }) => rule.repeats && !broken);
  if (!twin || !entry) return false;
  call.dropped = true;
  const { choice: index, tool, name } = call.open;
  entry.note({
    action: "fixed",
    target: "tool_call.arguments",
    choice: index,
    tool,
    toolName: name,
    before: snippet(call.sent),
    after: "",
  });
  return true;
}
