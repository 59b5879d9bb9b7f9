/** Made-up but lifelike traffic for the recorder's benchmarks. Seeded: every run sees the same bytes. */
import type { ExchangeEnd, ExchangeStart } from "../src/core/exchange.ts";
import type { ExchangeSink } from "../src/core/sink.ts";

export interface Turn {
  readonly id: string;
  readonly body: Uint8Array;
  readonly frames: readonly Uint8Array[];
  play(sink: ExchangeSink): void;
}

export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Words drawn unevenly, as words are: some often, most rarely. */
export function writer(next: () => number): (bytes: number) => string {
  const letters = "etaoinshrdlucmfwypvbgkqjxz";
  const words = Array.from({ length: 4000 }, () =>
    Array.from({ length: 2 + Math.floor(next() * 8) }, () => letters[Math.floor(next() ** 2 * 26)]).join(""),
  );
  return (bytes) => {
    let text = "";
    while (text.length < bytes) text += `${words[Math.floor(next() ** 3 * words.length)]}${next() < 0.08 ? ";\n" : " "}`;
    return text.slice(0, bytes);
  };
}

const AGENT_HEADERS = [
  "Authorization",
  "Bearer sk-none",
  "Content-Type",
  "application/json",
  "User-Agent",
  "opencode/1.18.33 ai-sdk/provider-utils/4.0.23 runtime/bun/1.3.14",
  "x-session-affinity",
  "ses_e08175d48ffeVYmEh2aroePxgd",
  "x-session-id",
  "ses_e08175d48ffeVYmEh2aroePxgd",
  "Accept-Encoding",
  "gzip, deflate, br, zstd",
  "Host",
  "127.0.0.1:8066",
];

const REPLY_HEADERS = [
  "Keep-Alive",
  "timeout=5, max=100",
  "Content-Type",
  "text/event-stream",
  "Server",
  "llama.cpp",
  "Transfer-Encoding",
  "chunked",
  "Access-Control-Allow-Origin",
  "",
];

export function startAt(id: string, at: number, more: Partial<ExchangeStart> = {}): ExchangeStart {
  return {
    id,
    at,
    method: "POST",
    path: "/v1/chat/completions",
    route: "/v1/chat/completions",
    httpVersion: "1.1",
    headers: AGENT_HEADERS,
    dialect: "openai.chat_completions",
    peer: { address: "127.0.0.1", port: 41_234 },
    client: "opencode",
    session: undefined,
    ...more,
  };
}

export function endAfter(
  durationMs: number,
  prompt: number,
  cached: number,
  completion: number,
  more: Partial<ExchangeEnd> = {},
): ExchangeEnd {
  const promptMs = (prompt - cached) / 2;
  return {
    outcome: "completed",
    reason: undefined,
    errorType: undefined,
    status: 200,
    streamed: true,
    durationMs,
    upstreamSentMs: 0.8,
    firstByteMs: 2.4,
    firstChunkMs: 2.6,
    firstTokenMs: promptMs + 3,
    lastTokenMs: durationMs - 1,
    upstreamEndMs: durationMs - 0.2,
    overheadMs: 0.31,
    attempts: 1,
    requestBytes: prompt * 4,
    responseBytes: completion * 240,
    summary: {
      id: "chatcmpl-Yh3Nf9xGqQbDkZ0c1s2R7u5W",
      model: "qwen3-coder-30b",
      fingerprint: "b8800-1a2b3c4d",
      finishReasons: ["stop"],
      toolCalls: 0,
      chunks: completion,
      usage: { promptTokens: prompt, completionTokens: completion, cachedTokens: cached },
      timings: { cacheN: cached, promptN: prompt - cached, promptMs, predictedN: completion, predictedMs: completion * 12 },
    },
    notes: [],
    contextTotal: 131_072,
    truncated: false,
    ...more,
  };
}

export function frameBytes(frames: readonly Uint8Array[]): Buffer {
  return Buffer.concat(frames);
}

function replyFrames(text: string, id: string): Uint8Array[] {
  const frame = (delta: object, rest = "") =>
    Buffer.from(
      `data: {"choices":[{"finish_reason":null,"index":0,"delta":${JSON.stringify(delta)}}],"created":1789000000,"id":"chatcmpl-${id}","model":"qwen3-coder-30b","system_fingerprint":"b8800-1a2b3c4d","object":"chat.completion.chunk"${rest}}\n\n`,
    );
  const tokens = text.match(/.{1,5}/gs) ?? [];
  return [
    frame({ role: "assistant", content: null }),
    ...tokens.map((content) => frame({ content })),
    frame({}, ',"timings":{"cache_n":1234,"prompt_n":56,"prompt_ms":78.9,"predicted_n":90,"predicted_ms":1234.5}'),
    Buffer.from("data: [DONE]\n\n"),
  ];
}

/** One growing conversation: request `n` holds all before it, one reply and one tool result more. */
export function agentSession(turns: number, historyBytes: number, toolBytes: number): readonly Turn[] {
  const next = random(7);
  const text = writer(next);
  const tools = JSON.stringify(
    Array.from({ length: 12 }, (_, i) => ({
      type: "function",
      function: { name: `tool_${i}`, description: text(toolBytes / 12 - 120), parameters: { type: "object", properties: {} } },
    })),
  );
  const messages: string[] = [JSON.stringify({ role: "system", content: text(8000) })];
  const perTurn = (historyBytes - 8000) / turns;
  return Array.from({ length: turns }, (_, n) => {
    const id = `01JD${String(n).padStart(8, "0")}`;
    messages.push(JSON.stringify({ role: n === 0 ? "user" : "tool", content: text(perTurn * 0.7) }));
    const body = Buffer.from(
      `{"model":"qwen3-coder-30b","max_tokens":32000,"messages":[${messages.join(",")}],"tools":${tools},"tool_choice":"auto","stream":true,"stream_options":{"include_usage":true}}`,
    );
    const answer = text(perTurn * 0.3 - 60);
    messages.push(JSON.stringify({ role: "assistant", content: answer }));
    const frames = replyFrames(answer, id);
    return {
      id,
      body,
      frames,
      play(sink) {
        const tap = sink.begin(startAt(id, 1_800_000_000_000 + n * 20_000));
        tap?.request?.(undefined, body);
        tap?.head?.(2.4, 200, REPLY_HEADERS);
        let at = 200;
        for (const raw of frames) {
          at += 11.5 + next();
          tap?.step?.(at, { frame: { raw, event: undefined, data: undefined }, deltas: [], out: [], sent: [raw] });
        }
        tap?.end(endAfter(at + 1, Math.round(body.length / 4), Math.round(body.length / 4.2), frames.length));
      },
    };
  });
}
