import type { Recording } from "../../src/core/recording.ts";
import type { Outcome } from "../../src/core/exchange.ts";
import { createStreamPipeline } from "../../src/fixes/pipeline.ts";
import type { FixPlan } from "../../src/fixes/fix.ts";
import { openaiChat } from "../../src/dialects/openai-chat.ts";

const encoder = new TextEncoder();

export const REQUEST = JSON.stringify({
  model: "qwen3",
  stream: true,
  messages: [{ role: "user", content: "look" }],
  tools: [{ type: "function", function: { name: "read_file", parameters: { type: "object", properties: { path: { type: "string" } } } } }],
});

export const FRAMES = [
  'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":null}}],"id":"c1","model":"qwen3"}\n\n',
  ": ping\n\n",
  'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}],"id":"c1","model":"qwen3"}\n\n',
  'data: {"choices":[{"index":0,"delta":{"content":"lo ü"}}],"id":"c1","model":"qwen3"}\n\n',
  'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"id":"c1","model":"qwen3"}\n\n',
  "data: [DONE]\n\n",
];

interface Facts {
  readonly frames?: readonly string[];
  readonly outcome?: Outcome | "interrupted";
  readonly truncated?: boolean;
  readonly headers?: readonly string[];
  /** The fixes of the day. */
  readonly plan?: FixPlan;
  /** An error frame the sidecar added. */
  readonly ownFrame?: string;
}

/** What the recorder keeps of a chat stream that went through `plan`. */
export function recordStream({
  frames = FRAMES,
  outcome = "completed",
  truncated = false,
  headers = [],
  plan = [],
  ownFrame,
}: Facts = {}): Recording {
  const view = openaiChat.readRequest(JSON.parse(REQUEST));
  const pipeline = createStreamPipeline(plan, openaiChat, view);
  const steps = [...frames.flatMap((frame) => pipeline.push(encoder.encode(frame))), ...pipeline.end(outcome !== "completed")];
  const pieces = steps.map((step, seq) => ({
    seq,
    atMs: seq,
    upstream: step.frame.raw,
    sent: step.sent.length === 1 && step.sent[0] === step.frame.raw ? step.frame.raw : Buffer.concat(step.sent),
  }));
  if (ownFrame !== undefined) pieces.push({ seq: pieces.length, atMs: 99, upstream: new Uint8Array(0), sent: encoder.encode(ownFrame) });
  const body = encoder.encode(REQUEST);
  return {
    ...base(outcome, truncated),
    request: { headers: ["content-type", "application/json", ...headers], body, forwarded: body },
    response: { status: 200, headers: ["Content-Type", "text/event-stream"], framed: true, pieces },
  };
}

/** A reply that came whole; `sent` as it was then. */
export function recordWhole(
  upstream: string,
  sent = upstream,
  facts: { status?: number; outcome?: Outcome; contentType?: string } = {},
): Recording {
  const body = encoder.encode(REQUEST);
  const bytes = encoder.encode(upstream);
  return {
    ...base(facts.outcome ?? "completed", false),
    request: { headers: [], body, forwarded: body },
    response: {
      status: facts.status ?? 200,
      headers: ["Content-Type", facts.contentType ?? "application/json; charset=utf-8"],
      framed: false,
      pieces: [{ seq: 0, atMs: 5, upstream: bytes, sent: sent === upstream ? bytes : encoder.encode(sent) }],
    },
  };
}

function base(outcome: string, truncated: boolean) {
  return {
    id: "0001",
    startedAt: 1_790_000_000_000,
    method: "POST",
    path: "/v1/chat/completions",
    route: "/v1/chat/completions",
    dialect: openaiChat.name,
    session: undefined,
    outcome,
    reason: undefined,
    errorType: undefined,
    traceId: undefined,
    spanId: undefined,
    truncated,
    metrics: { durationMs: 10, streaming: true, fixes: [] },
    details: {},
    notes: [],
  };
}
