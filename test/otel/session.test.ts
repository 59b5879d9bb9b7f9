import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Pool } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ExchangeEnd, FixNote } from "../../src/core/exchange.ts";
import type { TelemetrySink, Vocabulary } from "../../src/otel/options.ts";
import { OPERATIONS } from "../../src/otel/semconv.ts";
import { startTelemetry } from "../../src/otel/telemetry.ts";
import { endOf, startOf, stepOf, viewOf } from "../support/exchanges.ts";
import { checkTelemetry, missingAttributes, missingMetrics, spanType } from "../support/otlp-checker.ts";
import { startOtlpReceiver, type Received } from "../support/otlp-receiver.ts";
import { optionsFor } from "../support/telemetry-options.ts";

/** A session over every dialect, streamed and whole, with every way an exchange can end. */
const ROUTES: Readonly<Record<string, string>> = {
  "openai.chat_completions": "/v1/chat/completions",
  "openai.completions": "/v1/completions",
  "openai.responses": "/v1/responses",
  "anthropic.messages": "/v1/messages",
  "llamacpp.completion": "/completion",
  "llamacpp.infill": "/infill",
  "openai.embeddings": "/v1/embeddings",
  "llamacpp.embedding": "/embedding",
  "llamacpp.rerank": "/v1/rerank",
};

interface Scenario {
  readonly end: Partial<ExchangeEnd>;
  /** Status of the backend's head; undefined: there was none. */
  readonly head?: number;
  readonly neverSent?: true;
}

const note = (facts: Partial<FixNote>): FixNote => ({
  fix: "toolcall_bad_filepath",
  action: "fixed",
  target: "tool_call.arguments",
  ...facts,
});

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  ok: { end: {}, head: 200 },
  "4xx": { end: { status: 400, errorType: "invalid_request_error", summary: failed("invalid_request_error") }, head: 400 },
  "5xx": { end: { status: 500, errorType: "server_error", summary: failed("server_error") }, head: 500 },
  "5xx without a word": { end: { status: 503, errorType: "503" }, head: 503 },
  "a strange error type": { end: { status: 500, errorType: "Oops I did it", summary: failed("Oops I did it") }, head: 500 },
  refused: {
    end: {
      outcome: "upstream-refused",
      status: 502,
      errorType: "ECONNREFUSED",
      reason: "nobody listens",
      upstreamSentMs: undefined,
      firstByteMs: undefined,
      upstreamEndMs: undefined,
    },
  },
  "mid-stream death": {
    end: { outcome: "upstream-broke", errorType: "UND_ERR_SOCKET", reason: "other side closed", upstreamEndMs: undefined },
    head: 200,
  },
  "bad frame": { end: { outcome: "upstream-broke", errorType: "invalid_frame", reason: "a frame too long" }, head: 200 },
  "error frame": { end: { errorType: "server_error", summary: { ...failed("server_error"), chunks: 4 } }, head: 200 },
  "client gone": {
    end: { outcome: "client-gone", errorType: "client_closed", reason: "the client left", upstreamEndMs: undefined },
    head: 200,
  },
  "client gone before the head": {
    end: { outcome: "client-gone", errorType: "client_closed", status: undefined, firstByteMs: undefined, upstreamEndMs: undefined },
  },
  "client gone while uploading": {
    end: {
      outcome: "client-gone",
      errorType: "client_closed",
      status: undefined,
      upstreamSentMs: undefined,
      firstByteMs: undefined,
      upstreamEndMs: undefined,
    },
    neverSent: true,
  },
  timeout: { end: { outcome: "upstream-timeout", errorType: "timeout", status: 504, firstByteMs: undefined, upstreamEndMs: undefined } },
  "idle timeout": { end: { outcome: "upstream-timeout", errorType: "timeout", upstreamEndMs: undefined }, head: 200 },
  mended: {
    end: { notes: [note({}), note({ fix: "toolcall_case", target: "tool_call.name" })], fixMs: { toolcall_bad_filepath: 0.02 } },
    head: 200,
  },
  "mended request": { end: { notes: [note({ fix: "history", target: "request" })] }, head: 200 },
  "refused mend": { end: { notes: [note({ action: "refused", reason: "ambiguous" })] }, head: 200 },
  "broken fix": { end: { notes: [note({ action: "skipped", target: "frame", reason: "cut out for this reply: boom" })] }, head: 200 },
  "observed only": { end: { notes: [note({ action: "skipped", reason: "observe" })] }, head: 200 },
  shutdown: { end: { outcome: "shutdown", reason: "the sidecar is going down", upstreamEndMs: undefined }, head: 200 },
  internal: { end: { outcome: "internal", status: 500, reason: "a fault" } },
  truncated: { end: { truncated: true }, head: 200 },
};

function failed(type: string): ExchangeEnd["summary"] {
  return { finishReasons: [], toolCalls: 0, chunks: 0, error: { message: "no", type } };
}

const USAGE = { promptTokens: 120, completionTokens: 30, cachedTokens: 100, reasoningTokens: 5 };
const TIMINGS = { cacheN: 100, promptN: 20, promptMs: 40, predictedN: 30, predictedMs: 60, draftN: 10, draftNAccepted: 7 };

const HEADERS = ["Host", "127.0.0.1:8081", "User-Agent", "opencode/1.18.33", "X-Llama-Proxy-Replay-Of", "x000001"];

let pool: Pool;
let close: () => Promise<void>;

beforeAll(async () => {
  const server = createServer((_request, response) => response.end("{}"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  pool = new Pool(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  close = async () => {
    await pool.destroy();
    server.closeAllConnections();
    server.close();
  };
});
afterAll(() => close());

async function play(telemetry: TelemetrySink, dialect: string, streamed: boolean, scenario: Scenario): Promise<void> {
  const route = ROUTES[dialect] ?? "*";
  const tap = telemetry.begin(
    startOf({ dialect, route, path: streamed ? `${route}?beta=true` : route, session: "ses_1", headers: HEADERS }),
  );
  if (!scenario.neverSent) {
    tap?.request?.(
      viewOf({
        model: "qwen3-coder",
        stream: streamed,
        messages: [{ role: "user", content: "hello" }],
        max_tokens: 64,
        temperature: 0.5,
        top_p: 1,
        top_k: 40,
        n: 2,
        seed: 1,
        stop: ["x"],
        frequency_penalty: 0,
        presence_penalty: 0,
        reasoning_effort: "low",
        previous_response_id: "r0",
        response_format: { type: "json_object" },
        min_p: 0.05,
        repeat_penalty: 1.1,
        cache_prompt: true,
        grammar: "root ::= x",
        encoding_format: "float",
        dimensions: 512,
      }),
      new Uint8Array(),
    );
    await tap?.enter?.(async () => {
      const answer = await pool.request({ path: route, method: "POST", body: "{}" });
      await answer.body.dump();
    });
  }
  const streams = streamed && scenario.head === 200;
  if (scenario.head !== undefined) tap?.head?.(20, scenario.head, ["content-type", streams ? "text/event-stream" : "application/json"]);
  if (streams) {
    for (const at of [21, 24, 30])
      tap?.step?.(
        at,
        stepOf([
          { kind: "meta", model: "served" },
          { kind: "text", choice: 0, text: "hi" },
        ]),
      );
  }
  const whole = scenario.end.outcome === undefined && scenario.end.summary === undefined && (scenario.end.status ?? 200) === 200;
  tap?.end(
    endOf({
      streamed: streams,
      ...(streams ? { firstChunkMs: 21, firstTokenMs: 21, lastTokenMs: 30 } : {}),
      summary: {
        id: "chatcmpl-1",
        model: "served",
        fingerprint: "b10470-34af94cd9",
        stopType: "eos",
        slot: 0,
        finishReasons: ["stop"],
        toolCalls: 1,
        chunks: streams ? 3 : 0,
        ...(whole ? { usage: USAGE, timings: TIMINGS } : {}),
      },
      ...scenario.end,
    }),
  );
}

/** All dialects, forms and endings, and some pass-through. How many exchanges had usage is the result. */
async function session(telemetry: TelemetrySink): Promise<{ exchanges: number; withUsage: number }> {
  let exchanges = 0;
  let withUsage = 0;
  for (const dialect of Object.keys(ROUTES)) {
    const operation = OPERATIONS.get(dialect);
    const inference = operation === "chat" || operation === "text_completion";
    for (const streamed of inference ? [true, false] : [false]) {
      for (const scenario of Object.values(SCENARIOS)) {
        await play(telemetry, dialect, streamed, scenario);
        exchanges += 1;
        const { end } = scenario;
        if (inference && end.outcome === undefined && end.summary === undefined && end.status === undefined) withUsage += 1;
      }
    }
  }
  for (const status of [200, 404, 501]) {
    const tap = telemetry.begin(startOf({ dialect: undefined, method: "GET", path: "/props?x=1", route: "/props" }));
    tap?.end(endOf({ status, summary: { finishReasons: [], toolCalls: 0, chunks: 0 } }));
    exchanges += 1;
  }
  const odd = telemetry.begin(startOf({ dialect: undefined, method: "BREW", path: "/pot", route: "*" }));
  odd?.head?.(3, 200, ["Content-Type", "text/event-stream; charset=utf-8"]);
  odd?.end(endOf({ streamed: true }));
  return { exchanges: exchanges + 1, withUsage };
}

const GAUGES = {
  recorder: () => ({ queueUsage: 1, queueLimit: 100, written: 5, dropped: 1, failed: 0, dbBytes: 4096, writeMs: [0.4] }),
  slots: () => ({ idle: 3, processing: 1, limit: 4 }),
  server: () => "ok" as const,
  recorded: () => true,
};

/** Allowed by the contract and never said (query, odd method, stack), or said in dispatch.test.ts (user agent, error). */
const NEVER = [
  "http.client: http.request.method_original",
  "http.client: url.query",
  "http.client: user_agent.original",
  "http.client: error.type",
  "gen_ai.client.operation.exception: exception.stacktrace",
];

function sumOf(received: Received, name: string): number {
  const metric = received.metrics.find((each) => each.name === name);
  return (metric?.points ?? []).reduce((sum, point) => sum + (point.value ?? point.sum), 0);
}

const RELEASED_TOKENS = { "gen_ai.client.token.usage": USAGE.promptTokens + USAGE.completionTokens };
const LATEST_TOKENS = {
  "gen_ai.client.inference.usage.input_tokens": USAGE.promptTokens,
  "gen_ai.client.inference.usage.output_tokens": USAGE.completionTokens,
  "gen_ai.client.inference.usage.cache_read.input_tokens": USAGE.cachedTokens,
  "gen_ai.client.inference.usage.reasoning.output_tokens": USAGE.reasoningTokens,
  "gen_ai.client.inference.operation.input_tokens": USAGE.promptTokens,
  "gen_ai.client.inference.operation.output_tokens": USAGE.completionTokens,
};
/** Tokens of one call with usage, by the metric that counts them. */
const TOKENS: Readonly<Record<Vocabulary, Readonly<Record<string, number>>>> = {
  "1.41": RELEASED_TOKENS,
  latest: LATEST_TOKENS,
  both: { ...RELEASED_TOKENS, ...LATEST_TOKENS },
};

describe.each(["1.41", "latest", "both"] satisfies Vocabulary[])("vocabulary %s", (semconv) => {
  test("a session of every dialect and every ending is as the contract says", async () => {
    await using receiver = await startOtlpReceiver();
    await using telemetry = await startTelemetry(optionsFor(receiver.url, { semconv, gauges: GAUGES, heapMetrics: true }));
    const { exchanges, withUsage } = await session(telemetry);
    await telemetry.flush();
    await telemetry.flush();
    const { received } = receiver;
    expect(checkTelemetry(received, { vocabulary: semconv })).toEqual([]);
    expect(missingMetrics(received, semconv)).toEqual([]);
    expect(missingAttributes(received)).toEqual(NEVER);
    expect(received.spans.filter((span) => spanType(span) === "http.server")).toHaveLength(exchanges);

    for (const [name, perCall] of Object.entries(TOKENS[semconv]))
      expect([name, sumOf(received, name)]).toEqual([name, withUsage * perCall]);
    expect(sumOf(received, "llamacpp.draft.tokens")).toBe(withUsage * TIMINGS.draftN);
    expect(sumOf(received, "http.server.active_requests")).toBe(0);
    expect(sumOf(received, "llama_proxy.stream.active")).toBe(0);
  });
});
