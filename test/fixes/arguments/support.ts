/** Runs examples through the chat dialect, as the sidecar does. */
import type { Delta, Tool } from "../../../src/core/delta.ts";
import { openaiChat } from "../../../src/dialects/openai-chat.ts";
import { ARGUMENT_FIXES } from "../../../src/fixes/arguments/index.ts";
import { mendArguments, type Mended } from "../../../src/fixes/arguments/mend.ts";
import { fixDocument } from "../../../src/fixes/document.ts";
import type { FixPlan } from "../../../src/fixes/fix.ts";
import { createStreamPipeline } from "../../../src/fixes/pipeline.ts";

export interface Example {
  readonly tool: Tool;
  readonly input: string;
  readonly finish?: string;
  /** The one fix that is off. */
  readonly off?: string;
  /** Options of fixes that need them, by name; such a fix is on. */
  readonly on?: string;
}

function object(properties: Record<string, unknown>, required: readonly string[]): unknown {
  return { type: "object", properties, required };
}
const text = { type: "string" };

export const writeFile: Tool = { name: "write", parameters: object({ content: text, filePath: text }, ["content", "filePath"]) };
export const editFile: Tool = {
  name: "edit",
  parameters: object({ file_path: text, old_string: text, new_string: text, replace_all: { type: "boolean" } }, [
    "file_path",
    "old_string",
    "new_string",
  ]),
};
export const bash: Tool = {
  name: "bash",
  parameters: object({ command: text, timeout: { type: "integer" }, description: text }, ["command"]),
};

export function planOf({ off, on }: { readonly off?: string; readonly on?: string } = {}): FixPlan {
  return ARGUMENT_FIXES.filter((fix) => fix.name !== off && (fix.defaultMode !== "off" || fix.name === on)).map((fix) => ({
    fix,
    mode: "fix",
    options: fix.options.parse({}),
  }));
}

export function mended(input: string, tool: Tool | undefined, finish = "tool_calls"): Mended {
  return mendArguments(input, tool, { finish });
}

/** Every way to cut that matters: whole, single characters, each position, a few odd ones. */
export function pieces(input: string): readonly (readonly string[])[] {
  const cuts: string[][] = [[input], input.split("")];
  for (let at = 1; at < input.length; at++) cuts.push([input.slice(0, at), input.slice(at)]);
  for (const size of [2, 3, 5, 7]) cuts.push(input.match(new RegExp(`[^]{1,${size}}`, "g")) ?? []);
  cuts.push(input.match(/\w+|\s+|[^\w\s]/g) ?? []);
  return cuts;
}

interface Chunk {
  readonly index: number;
  readonly text: string;
}

export interface Reply {
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
  readonly raw: string;
  readonly sent: string;
  readonly framesHeld: number;
}

export function sendStream(
  tools: readonly Tool[],
  names: readonly string[],
  chunks: readonly Chunk[],
  finish: string,
  plan: FixPlan = planOf(),
  extra: Record<string, unknown> = {},
): Reply {
  const frame = (delta: unknown, reason: string | null = null) =>
    `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`;
  const opened = new Set<number>();
  let raw = "";
  const open = (index: number) => {
    if (opened.has(index)) return;
    opened.add(index);
    raw += frame({ tool_calls: [{ index, id: `call_${index}`, type: "function", function: { name: names[index], arguments: "" } }] });
  };
  for (const { index, text: piece } of chunks) {
    open(index);
    raw += frame({ tool_calls: [{ index, function: { arguments: piece } }] });
  }
  names.forEach((_, index) => open(index));
  raw += `${frame({}, finish)}data: [DONE]\n\n`;
  const request = openaiChat.readRequest({
    stream: true,
    tools: tools.map((tool) => ({ type: "function", function: tool })),
    ...extra,
  });
  const pipeline = createStreamPipeline(plan, openaiChat, request);
  const steps = [...pipeline.push(new TextEncoder().encode(raw)), ...pipeline.end()];
  const sent = steps.flatMap((step) => step.sent.map((bytes) => new TextDecoder().decode(bytes))).join("");
  return { calls: callsOf(sent), raw, sent, framesHeld: pipeline.framesHeld() };
}

function callsOf(sent: string): { name: string; arguments: string }[] {
  const deltas: Delta[] = [];
  const codec = openaiChat.codec(openaiChat.readRequest({}));
  for (const block of sent.split("\n\n")) {
    if (!block.startsWith("data: {")) continue;
    deltas.push(
      ...codec.read({ frame: { raw: new Uint8Array(), event: undefined, data: block.slice(6) }, payload: JSON.parse(block.slice(6)) }),
    );
  }
  const calls = new Map<number, { name: string; arguments: string }>();
  for (const delta of deltas) {
    if (delta.kind === "tool-open") calls.set(delta.tool, { name: delta.name, arguments: "" });
    const call = delta.kind === "tool-args" ? calls.get(delta.tool) : undefined;
    if (call && delta.kind === "tool-args") call.arguments += delta.text;
  }
  return [...calls.values()];
}

export function streamed(example: Example, cut: readonly string[]): readonly string[] {
  const chunks = cut.map((piece) => ({ index: 0, text: piece }));
  return sendStream([example.tool], [example.tool.name], chunks, example.finish ?? "tool_calls", planOf(example)).calls.map(
    (call) => call.arguments,
  );
}

export function whole(example: Example): readonly string[] {
  const message = {
    role: "assistant",
    content: null,
    tool_calls: [{ id: "c", type: "function", function: { name: example.tool.name, arguments: example.input } }],
  };
  const body = { choices: [{ index: 0, finish_reason: example.finish ?? "tool_calls", message }] };
  const request = openaiChat.readRequest({ tools: [{ type: "function", function: example.tool }] });
  const fixed = fixDocument(planOf(example), openaiChat, request, new TextEncoder().encode(JSON.stringify(body)));
  const sent = JSON.parse(new TextDecoder().decode(fixed.sent)) as {
    choices: { message: { tool_calls: { function: { arguments: string } }[] } }[];
  };
  return (sent.choices[0]?.message.tool_calls ?? []).map((call) => call.function.arguments);
}

/** Several calls in one streamed reply, each cut at `cuts`; interleaved, or one after the other. */
export function replies(examples: readonly Example[], cuts: readonly number[], interleaved: boolean): readonly string[] {
  const lists = examples.map(({ input }, index) => {
    const at = [0, ...new Set(cuts.map((cut) => cut % input.length))].sort((a, b) => a - b);
    return at.map((from, i) => ({ index, text: input.slice(from, at[i + 1]) })).filter((chunk) => chunk.text !== "");
  });
  const longest = Math.max(...lists.map((list) => list.length));
  const mixed = Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list[i] ?? [])).flat();
  const chunks = interleaved ? mixed : lists.flat();
  const tools = examples.map((example) => example.tool);
  return sendStream(
    tools,
    tools.map((tool) => tool.name),
    chunks,
    "tool_calls",
  ).calls.map((call) => call.arguments);
}
