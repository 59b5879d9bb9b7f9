/**
 * What the fixes cost on clean streams: microseconds of CPU per frame with every default fix on, over
 * the same pipeline with none, for prose and for tool-call arguments cut as llama-server cuts them.
 *
 *   node bench/engines.ts [frames] [rounds]
 *
 * Method: the pipeline alone, no sockets; frames pushed one by one, as they come off the wire; both plans
 * in turn in every round, CPU time of the process (not the wall clock), the first two rounds left out,
 * medians of the differences round by round. The bytes that come out are checked, so nothing can be left
 * out. `held` is the number of frames that had to wait: it must be 0.
 */
import { openaiChat } from "../src/dialects/openai-chat.ts";
import type { FixPlan } from "../src/fixes/fix.ts";
import { planFixes } from "../src/fixes/index.ts";
import { createStreamPipeline } from "../src/fixes/pipeline.ts";

const FRAMES = Number(process.argv[2] ?? 1000);
const ROUNDS = Number(process.argv[3] ?? 12);
const STREAMS = Math.ceil(20_000 / FRAMES);

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
const prose = Array.from({ length: FRAMES }, (_, i) => frame({ content: WORDS[i % WORDS.length] }));
const args = (text: string): Buffer => frame({ tool_calls: [{ index: 0, function: { arguments: text } }] });
const call = [
  frame({
    tool_calls: [{ index: 0, id: "hAbq4iES3BCEjNdmXbhq1jVFPwKbkI37", type: "function", function: { name: "write", arguments: "{" } }],
  }),
  args('"path":"'),
  args("/tmp/a"),
  args('"'),
  args(',"content":"'),
  ...Array.from({ length: FRAMES - 7 }, (_, i) => args(JSON.stringify(WORDS[i % WORDS.length]).slice(1, -1))),
  args('"'),
  args("}"),
];
const shapes: Record<string, readonly Buffer[]> = {
  prose: [frame({ role: "assistant", content: null }), ...prose, frame({}, "stop"), Buffer.from("data: [DONE]\n\n")],
  arguments: [frame({ role: "assistant", content: null }), ...call, frame({}, "tool_calls"), Buffer.from("data: [DONE]\n\n")],
};
const plans: Record<string, FixPlan> = { none: [], all: planFixes({ enabled: true, modules: {} }) };

function play(plan: FixPlan, frames: readonly Buffer[]): number {
  const pipeline = createStreamPipeline(plan, openaiChat, request);
  let bytes = 0;
  for (const one of frames) for (const step of pipeline.push(one)) for (const sent of step.sent) bytes += sent.length;
  for (const step of pipeline.end()) for (const sent of step.sent) bytes += sent.length;
  if (bytes !== frames.reduce((sum, one) => sum + one.length, 0)) throw new Error("bytes are not the same");
  return pipeline.framesHeld;
}

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;

for (const [shape, frames] of Object.entries(shapes)) {
  const costs: Record<string, number[]> = { none: [], all: [] };
  let held = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, plan] of Object.entries(plans)) {
      const before = process.cpuUsage();
      for (let i = 0; i < STREAMS; i++) held += play(plan, frames);
      const { user, system } = process.cpuUsage(before);
      costs[name]?.push((user + system) / (STREAMS * frames.length));
    }
  }
  const [none = [], all = []] = [costs["none"]?.slice(2), costs["all"]?.slice(2)];
  const over = all.map((cost, i) => cost - (none[i] ?? 0));
  console.log(
    `${shape.padEnd(10)} none ${median(none).toFixed(2)}  all ${median(all).toFixed(2)}  engines ${median(over).toFixed(2)} us/frame  held ${held}`,
  );
}
