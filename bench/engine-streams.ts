/** Clean streams as llama-server cuts them, and the pipeline over them: what the benches of the engines measure. */
import { openaiChat } from "../src/dialects/openai-chat.ts";
import type { Step } from "../src/core/exchange.ts";
import { createExpress } from "../src/fixes/express.ts";
import type { FixPlan } from "../src/fixes/fix.ts";
import { planFixes } from "../src/fixes/index.ts";
import { createStreamPipeline } from "../src/fixes/pipeline.ts";

const tools = [
  {
    type: "function",
    function: {
      name: "write",
      parameters: { type: "object", properties: { path: { type: "string" }, content: { type: "string" } }, required: ["path", "content"] },
    },
  },
];
const request = openaiChat.readRequest({ model: "m", stream: true, messages: [{ role: "user", content: "go" }], tools });

function frame(delta: unknown, finish: string | null = null): Buffer {
  const chunk = {
    choices: [{ finish_reason: finish, index: 0, delta }],
    created: 1_795_156_984,
    id: "chatcmpl-chH4qyTCXaG1dG8i6Au6BYkypAarJpx9",
    model: "qwen3-coder",
    system_fingerprint: "b10470-34af94cd9",
    object: "chat.completion.chunk",
  };
  return Buffer.from(`data: ${JSON.stringify(chunk)}\n\n`);
}

const WORDS = [" The", " quick", " brown", " fox", " jumps", " over", " it", ".", "\n", " x = 1"];
const args = (text: string): Buffer => frame({ tool_calls: [{ index: 0, function: { arguments: text } }] });
const word = (i: number): string => WORDS[i % WORDS.length] ?? "";

export type Shape = "prose" | "arguments";

/** A reply of about so many frames. */
export function streamOf(shape: Shape, frames: number): readonly Buffer[] {
  const role = frame({ role: "assistant", content: null });
  const done = Buffer.from("data: [DONE]\n\n");
  if (shape === "prose") return [role, ...Array.from({ length: frames }, (_, i) => frame({ content: word(i) })), frame({}, "stop"), done];
  const body = Array.from({ length: frames - 7 }, (_, i) => args(JSON.stringify(word(i)).slice(1, -1)));
  return [role, ...OPENING, ...body, args('"'), args("}"), frame({}, "tool_calls"), done];
}

const OPENING = [
  frame({
    tool_calls: [{ index: 0, id: "hAbq4iES3BCEjNdmXbhq1jVFPwKbkI37", type: "function", function: { name: "write", arguments: "{" } }],
  }),
  args('"path":"'),
  args("/tmp/a"),
  args('"'),
  args(',"content":"'),
];

export const PLANS: Readonly<Record<"none" | "all", FixPlan>> = { none: [], all: planFixes({ enabled: true, modules: {} }) };

/** Throws when a byte is not the same. Answers the number of frames that had to wait: it must be 0. */
export function play(plan: FixPlan, frames: readonly Buffer[]): number {
  const pipeline = createStreamPipeline(plan, openaiChat, request);
  let bytes = 0;
  for (const one of frames) for (const step of pipeline.push(one)) for (const sent of step.sent) bytes += sent.length;
  for (const step of pipeline.end()) for (const sent of step.sent) bytes += sent.length;
  if (bytes !== frames.reduce((sum, one) => sum + one.length, 0)) throw new Error("bytes are not the same");
  return pipeline.framesHeld();
}

/** Frames that are read together: 150 ms (sidecar/later.ts) of a stream with 50 tokens a second. */
const TOGETHER = 8;

/** As `play`, the way the sidecar does it. `onStep`: who listens. Answers how many frames went out unread. */
export function playExpress(plan: FixPlan, frames: readonly Buffer[], onStep?: (atMs: number, step: Step) => void): number {
  let steps = 0;
  const count = (atMs: number, step: Step) => {
    steps += 1;
    onStep?.(atMs, step);
  };
  const express = createExpress(createStreamPipeline(plan, openaiChat, request), { onStep: count, listened: onStep !== undefined });
  let unread = 0;
  for (let i = 0; i < frames.length; i++) {
    const one = frames[i] as Buffer;
    if (express.takes(one, i)) unread += 1;
    else express.push(one, i);
    if (i % TOGETHER === 0) express.catchUp();
  }
  express.end(false, frames.length);
  if (plan.length > 0 && steps !== frames.length) throw new Error("steps are missing");
  return unread;
}
