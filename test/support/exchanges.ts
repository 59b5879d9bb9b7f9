import type { RequestView } from "../../src/core/delta.ts";
import type { ExchangeEnd, ExchangeStart, Step } from "../../src/core/exchange.ts";

/** Synthetic exchanges for sinks: facts as the sidecar would hand them over. */
let count = 0;

export function startOf(facts: Partial<ExchangeStart> = {}): ExchangeStart {
  count += 1;
  return {
    id: `x${String(count).padStart(6, "0")}`,
    at: Date.now(),
    method: "POST",
    path: "/v1/chat/completions",
    route: "/v1/chat/completions",
    httpVersion: "1.1",
    headers: ["Host", "127.0.0.1:8081", "User-Agent", "opencode/1.18.33"],
    dialect: "openai.chat_completions",
    peer: { address: "127.0.0.1", port: 50123 },
    client: "opencode",
    session: undefined,
    ...facts,
  };
}

export function viewOf(body: Record<string, unknown>, facts: Partial<RequestView> = {}): RequestView {
  return {
    model: typeof body["model"] === "string" ? body["model"] : undefined,
    stream: body["stream"] === true,
    tools: [],
    toolsForbidden: false,
    parallelToolCalls: undefined,
    conversation: undefined,
    body,
    ...facts,
  };
}

export function endOf(facts: Partial<ExchangeEnd> = {}): ExchangeEnd {
  return {
    outcome: "completed",
    reason: undefined,
    errorType: undefined,
    status: 200,
    streamed: false,
    durationMs: 120,
    upstreamSentMs: 2,
    firstByteMs: 20,
    firstChunkMs: undefined,
    firstTokenMs: undefined,
    lastTokenMs: undefined,
    upstreamEndMs: 118,
    overheadMs: 0.7,
    attempts: 1,
    requestBytes: 400,
    responseBytes: 900,
    summary: { finishReasons: ["stop"], toolCalls: 0, chunks: 0 },
    notes: [],
    contextTotal: 4096,
    truncated: false,
    ...facts,
  };
}

const encoder = new TextEncoder();

/** A frame with data, as a step that nothing changed. */
export function stepOf(deltas: Step["deltas"], data = "{}"): Step {
  const raw = encoder.encode(`data: ${data}\n\n`);
  return { frame: { raw, event: undefined, data }, deltas, out: deltas, sent: [raw] };
}
