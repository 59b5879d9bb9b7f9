import { expect, test } from "vitest";
import type { ExchangeEnd, ExchangeStart } from "../../src/core/exchange.ts";
import { PLAIN_LOOK } from "../../src/stats/format.ts";
import { createStatsLine } from "../../src/stats/line.ts";

const START: ExchangeStart = {
  id: "x1",
  at: 1_790_000_000_000,
  method: "POST",
  path: "/v1/chat/completions",
  route: "/v1/chat/completions",
  httpVersion: "1.1",
  headers: [],
  dialect: "openai.chat_completions",
  peer: { address: undefined, port: undefined },
  client: "curl",
  session: undefined,
};
const END: ExchangeEnd = {
  outcome: "completed",
  reason: undefined,
  errorType: undefined,
  status: 200,
  streamed: true,
  durationMs: 12,
  upstreamSentMs: 1,
  firstByteMs: 2,
  firstChunkMs: 2,
  firstTokenMs: 3,
  lastTokenMs: 10,
  upstreamEndMs: 11,
  overheadMs: 0.1,
  attempts: 1,
  requestBytes: 10,
  responseBytes: 10,
  summary: { finishReasons: ["stop"], usage: { promptTokens: 3, completionTokens: 2 }, toolCalls: 0, chunks: 2 },
  notes: [],
  contextTotal: 100,
  truncated: false,
};

function lines(start: ExchangeStart): string[] {
  const written: string[] = [];
  const sink = createStatsLine({ format: "json", look: () => PLAIN_LOOK, write: (text) => void written.push(text) });
  const tap = sink.begin(start);
  tap?.request?.(
    { model: "asked", stream: true, tools: [], toolsForbidden: false, parallelToolCalls: undefined, conversation: undefined, body: {} },
    new Uint8Array(),
  );
  tap?.end(END);
  return written;
}

test("one line per exchange of an understood route, at its end", () => {
  const written = lines(START);
  expect(written).toHaveLength(1);
  expect(JSON.parse(written[0] ?? "")).toMatchObject({
    request_id: "x1",
    model: "asked",
    prompt_tokens: 3,
    context_percent: 5,
    client: "curl",
  });
});

test("nothing for routes that are passed through", () => {
  expect(lines({ ...START, dialect: undefined })).toEqual([]);
});
