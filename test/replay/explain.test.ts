import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Recording } from "../../src/core/recording.ts";
import { importRecordings } from "../../src/recorder/import-file.ts";
import { openReader } from "../../src/recorder/reader.ts";
import { explain, type Explanation } from "../../src/replay/explain/explain.ts";
import { neighboursOf } from "../../src/replay/explain/neighbours.ts";
import { temporaryFolder } from "../cli/support.ts";

/** Seeded cases: histories as clients send them, with one thing wrong in each. */
const T0 = 1_795_000_000_000;
const encoder = new TextEncoder();

interface Turn {
  readonly id: string;
  readonly at: number;
  readonly body: unknown;
  readonly prompt?: number;
  readonly cached?: number;
  readonly completion?: number;
  readonly session?: string;
  readonly durationMs?: number;
  readonly model?: string;
  readonly fixes?: readonly string[];
  readonly outcome?: string;
  readonly status?: number;
  readonly fingerprint?: string;
  readonly context?: number;
  readonly frames?: readonly (readonly [number, string])[];
  readonly details?: Record<string, unknown>;
  readonly finish?: string;
  readonly generationMs?: number;
  readonly errorType?: string;
}

function recording(turn: Turn): Recording {
  const { prompt = 1000, cached = 0, completion = 50, durationMs = 2000, status = 200 } = turn;
  const body = encoder.encode(JSON.stringify(turn.body));
  const frames = turn.frames ?? [
    [1100, chat({ content: "ok" })],
    [1900, "data: [DONE]\n\n"],
  ];
  const timings = {
    cacheN: cached,
    promptN: prompt - cached,
    promptMs: (prompt - cached) * 1.0,
    predictedN: completion,
    predictedMs: turn.generationMs ?? 800,
  };
  return {
    id: turn.id,
    startedAt: T0 + turn.at,
    method: "POST",
    path: "/v1/chat/completions",
    route: "/v1/chat/completions",
    dialect: "openai.chat_completions",
    session: turn.session ?? "s1",
    outcome: turn.outcome ?? "completed",
    reason: undefined,
    errorType: turn.errorType,
    traceId: undefined,
    spanId: undefined,
    truncated: false,
    metrics: {
      model: turn.model ?? "qwen",
      durationMs,
      streaming: true,
      fixes: turn.fixes ?? [],
      status,
      promptTokens: prompt,
      cachedTokens: cached,
      completionTokens: completion,
      promptMs: timings.promptMs,
      generationMs: timings.predictedMs,
      ttftMs: frames[0]?.[0] ?? 0,
      finishReason: turn.finish ?? "stop",
      ...(turn.context === undefined
        ? {}
        : { contextTotal: turn.context, contextUsed: prompt + completion, contextPercent: ((prompt + completion) / turn.context) * 100 }),
    },
    request: { headers: ["content-type", "application/json"], body, forwarded: body },
    response:
      status >= 400
        ? { status, headers: ["Content-Type", "application/json"], framed: false, pieces: [piece(0, 20, frames[0]?.[1] ?? "")] }
        : {
            status,
            headers: ["Content-Type", "text/event-stream"],
            framed: true,
            pieces: frames.map(([at, text], seq) => piece(seq, at, text)),
          },
    details: {
      upstreamSentMs: 2,
      headMs: 100,
      firstByteMs: 100,
      lastTokenMs: frames.at(-1)?.[0],
      upstreamEndMs: frames.at(-1)?.[0],
      overheadMs: 1,
      attempts: 1,
      fingerprint: turn.fingerprint ?? "b1",
      timings,
      ...turn.details,
    },
    notes: [],
  };
}

function piece(seq: number, atMs: number, text: string) {
  const bytes = encoder.encode(text);
  return { seq, atMs, upstream: bytes, sent: bytes };
}

function chat(delta: Record<string, unknown>, finish: string | null = null): string {
  return `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }], id: "c", model: "qwen" })}\n\n`;
}

const LONG = "The rules of this house are many and they are all important. ".repeat(40);
const tool = (name: string, about = "does it") => ({
  type: "function",
  function: { name, description: about, parameters: { type: "object", properties: {} } },
});
const TOOLS = [tool("bash"), tool("edit"), tool("read")];
const user = (content: string) => ({ role: "user", content });
const assistant = (content: string, more: Record<string, unknown> = {}) => ({ role: "assistant", content, ...more });

function body(system: string, messages: readonly unknown[], more: Record<string, unknown> = {}): unknown {
  return { model: "qwen", stream: true, messages: [{ role: "system", content: system }, ...messages], tools: TOOLS, ...more };
}

const TURN1 = [user("list the files")];
const TURN2 = [user("list the files"), assistant("ok"), user("now read a.txt")];
const first = (more: Partial<Turn> = {}): Turn => ({ id: "a1", at: 0, body: body(LONG, TURN1), ...more });
const second = (more: Partial<Turn> = {}): Turn => ({ id: "b2", at: 10_000, body: body(LONG, TURN2), prompt: 1100, ...more });

function explained(turns: readonly Turn[], id = "b2"): Explanation {
  const path = join(temporaryFolder(), "r.db");
  importRecordings(path, turns.map(recording), T0);
  using reader = openReader(path);
  const asked = reader.get(id);
  if (!asked) throw new Error(`no ${id}`);
  return explain(asked, neighboursOf(reader, asked));
}

describe("why the prompt cache was missed", () => {
  const cases: readonly {
    readonly name: string;
    readonly code: string;
    readonly turns: readonly Turn[];
    readonly says?: readonly string[];
  }[] = [
    { name: "nothing was lost", code: "hit", turns: [first(), second({ cached: 1049 })] },
    { name: "nothing before it", code: "first-prompt", turns: [first({ id: "b2" })] },
    {
      name: "the attribution line changes in the system text",
      code: "attribution-line",
      turns: [
        first({ body: body(`x-anthropic-billing-header: cc_version=2.1; cch=fa690;\n${LONG}`, TURN1) }),
        second({ body: body(`x-anthropic-billing-header: cc_version=2.1; cch=0b1c2;\n${LONG}`, TURN2), cached: 12 }),
      ],
      says: ["messages[0] (system), character 48", "strip_attribution_line"],
    },
    {
      name: "the time of day stands in the system text",
      code: "date-time",
      turns: [
        first({ body: body(`It is 2026-11-20 10:04. ${LONG}`, TURN1) }),
        second({ body: body(`It is 2026-11-20 10:05. ${LONG}`, TURN2), cached: 10 }),
      ],
      says: ["messages[0] (system), character 21"],
    },
    {
      name: "a new session id stands in the system text",
      code: "changing-id",
      turns: [
        first({ body: body(`Session 0e08175d-48ff-4eab-9d11-2b1c3d4e5f60. ${LONG}`, TURN1) }),
        second({ body: body(`Session 9f08175d-48ff-4eab-9d11-2b1c3d4e5f61. ${LONG}`, TURN2), cached: 4 }),
      ],
    },
    {
      name: "the system text was edited",
      code: "system-changed",
      turns: [first(), second({ body: body(LONG.replace("many", "few"), TURN2), cached: 8 })],
      says: ["messages[0] (system), character 28"],
    },
    {
      name: "a tool was added",
      code: "tools-changed",
      turns: [first(), second({ body: body(LONG, TURN2, { tools: [tool("agent"), ...TOOLS] }), cached: 700 })],
      says: ["agent added"],
    },
    {
      name: "the tools came in another order",
      code: "tools-reordered",
      turns: [first(), second({ body: body(LONG, TURN2, { tools: TOOLS.toReversed() }), cached: 700 })],
      says: ["tools[0] read"],
    },
    {
      name: "a tool's description changed",
      code: "tool-changed",
      turns: [first(), second({ body: body(LONG, TURN2, { tools: [tool("bash", "cwd is now /tmp"), ...TOOLS.slice(1)] }), cached: 700 })],
      says: ["tools[0] bash"],
    },
    {
      name: "the template's settings changed",
      code: "template-setting",
      turns: [
        first({ body: body(LONG, TURN1, { chat_template_kwargs: { enable_thinking: true } }) }),
        second({ body: body(LONG, TURN2, { chat_template_kwargs: { enable_thinking: false } }), cached: 0 }),
      ],
      says: ["chat_template_kwargs"],
    },
    {
      name: "an old message was rewritten",
      code: "history-edited",
      turns: [
        first({ id: "a1", body: body(LONG, [...TURN2, assistant("done"), user("go on")]), prompt: 1200 }),
        second({
          body: body(LONG, [
            user("list the files <reminder>be brief</reminder>"),
            ...TURN2.slice(1),
            assistant("done"),
            user("go on"),
            assistant("ok"),
            user("more"),
          ]),
          prompt: 1400,
          cached: 1000,
        }),
      ],
      says: ["messages[1] (user), character 14"],
    },
    {
      name: "the client dropped the oldest messages",
      code: "history-trimmed",
      turns: [
        first({ body: body(LONG, [user("one"), assistant("1"), user("two"), assistant("2"), user("three")]), prompt: 1500 }),
        second({ body: body(LONG, [user("two"), assistant("2"), user("three"), assistant("3"), user("four")]), prompt: 1450, cached: 950 }),
      ],
      says: ["dropped or summed up 2 messages"],
    },
    {
      name: "another conversation took the slot",
      code: "other-conversation",
      turns: [
        first(),
        {
          id: "a2",
          at: 5000,
          body: { model: "qwen", stream: true, messages: [user("what is the weather like")] },
          session: "s2",
          prompt: 900,
        },
        second({ cached: 0 }),
      ],
      says: ["a2", "--parallel"],
    },
    {
      name: "the slot was still busy",
      code: "other-slot",
      turns: [first({ durationMs: 30_000 }), second({ cached: 0 })],
      says: ["a1 was still running"],
    },
    {
      name: "the server was restarted: another build",
      code: "restarted",
      turns: [first(), second({ cached: 0, fingerprint: "b2" })],
    },
    {
      name: "the server was restarted: it was down",
      code: "restarted",
      turns: [
        first(),
        { id: "a2", at: 5000, body: body(LONG, TURN2), outcome: "upstream-refused", status: 502, prompt: 0 },
        second({ cached: 0 }),
      ],
      says: ["a2"],
    },
    {
      name: "another model was loaded in between",
      code: "model-swapped",
      turns: [
        first(),
        { id: "a2", at: 5000, body: { model: "llama", messages: [user("hi")] }, model: "llama", session: "s2" },
        second({ cached: 0 }),
      ],
      says: ["llama"],
    },
    {
      name: "the mended call is not what the cache holds",
      code: "mended-history",
      turns: [first({ completion: 400, fixes: ["toolcall_bad_filepath"] }), second({ prompt: 1500, cached: 1001 })],
      says: ["toolcall_bad_filepath", "messages[2] (assistant)"],
    },
    {
      name: "the reasoning is not sent back",
      code: "reasoning-dropped",
      turns: [
        first({
          completion: 400,
          frames: [
            [1100, chat({ reasoning_content: "hmm, files" })],
            [1200, chat({ content: "ok" })],
            [1900, "data: [DONE]\n\n"],
          ],
        }),
        second({ prompt: 1500, cached: 1001 }),
      ],
    },
    {
      name: "the context was full",
      code: "context-shift",
      turns: [first({ prompt: 4040, completion: 50, context: 4096 }), second({ prompt: 4050, cached: 200, context: 4096 })],
    },
    {
      name: "the cache is switched off",
      code: "cache-off",
      turns: [first(), second({ body: body(LONG, TURN2, { cache_prompt: false }), cached: 0 })],
    },
    { name: "a long pause", code: "idle", turns: [first(), second({ at: 3_600_000, cached: 0 })], says: ["60 minutes"] },
    { name: "nothing explains it", code: "unknown", turns: [first(), second({ cached: 0 })] },
  ];

  test.each(cases)("$name: $code", ({ code, turns, says = [] }) => {
    const { cache } = explained(turns);
    expect(cache.code).toBe(code);
    const told = `${cache.text} ${cache.cure ?? ""}`;
    for (const part of says) expect(told).toContain(part);
    expect(cache.cure === undefined).toBe(["hit", "first-prompt"].includes(code));
  });

  test("the price: tokens of the turn before that were processed again, at this request's own speed", () => {
    const { cache } = explained([first(), second({ cached: 100 })]);
    expect(cache).toMatchObject({ previous: "a1", promptTokens: 1100, cachedTokens: 100, reprocessedTokens: 950, reprocessedMs: 950 });
  });

  test("two causes: the slot was lost, and the prompt had changed as well", () => {
    const edited = body(LONG, [...TURN2.slice(0, -1), user("something else")]);
    const { cache } = explained([
      first({ body: body(LONG, TURN2), prompt: 1100 }),
      { id: "a2", at: 5000, body: { model: "qwen", messages: [user("weather")] }, session: "s2" },
      second({ body: edited, cached: 0 }),
    ]);
    expect([cache.code, cache.also?.code]).toEqual(["other-conversation", "history-edited"]);
  });
});

describe("why it was slow", () => {
  const slow = (more: Partial<Turn>, others: readonly Turn[] = []) => explained([...others, second(more)]).time;
  test("queue: behind the ones that were running", () => {
    const busy: Turn = { id: "a2", at: 5000, body: body(LONG, TURN1), durationMs: 20_000, session: "s2" };
    const time = slow(
      {
        details: { headMs: 15_000 },
        frames: [
          [15_100, chat({ content: "x" })],
          [15_500, "data: [DONE]\n\n"],
        ],
        durationMs: 15_600,
      },
      [busy],
    );
    expect(time.slowest).toMatchObject({ code: "queue", text: expect.stringContaining("a2") });
  });
  test("prefill", () => {
    const time = slow({
      frames: [
        [30_000, chat({ content: "x" })],
        [30_500, "data: [DONE]\n\n"],
      ],
      durationMs: 30_600,
      prompt: 30_000,
    });
    expect(time.slowest).toMatchObject({ code: "prefill", text: expect.stringContaining("30000 prompt tokens") });
  });
  test("generation", () => {
    const frames = Array.from({ length: 60 }, (_, i) => [200 + i * 400, chat({ content: "x" })] as const);
    expect(slow({ frames, durationMs: 24_000, completion: 60, generationMs: 23_000 }).slowest.code).toBe("generation");
  });
  test("stalls: named with the frame, and the request that was let in", () => {
    const frames = [
      ...Array.from({ length: 10 }, (_, i) => [200 + i * 20, chat({ content: String(i) })] as const),
      [9400, chat({ content: "late" })] as const,
    ];
    // The server's own clock ran all the while: it was silent itself.
    const more = { frames, durationMs: 9500, generationMs: 9200 };
    const quiet = explained([second(more)]).time;
    expect(quiet.slowest.code).toBe("stalls");
    expect(quiet.stalls).toMatchObject([{ frame: 10, during: undefined }]);
    const letIn = slow(more, [{ id: "c3", at: 11_000, body: body("other", [user("x")]), session: "s2" }]);
    expect(letIn.stalls[0]?.during).toBe("c3");
  });
  test("slow client: the backend's own clock ran less than the wire's", () => {
    const frames = Array.from({ length: 20 }, (_, i) => [200 + i * 500, chat({ content: "x" })] as const);
    expect(slow({ frames, durationMs: 9800, completion: 20 }).slowest.code).toBe("slow-client");
    expect(slow({ durationMs: 60_000 }).slowest.code).toBe("slow-client");
  });
});

describe("why it failed", () => {
  const error = (message: string, type = "server_error") => JSON.stringify({ error: { code: 500, message, type } });
  const cases: readonly (readonly [string, Partial<Turn>])[] = [
    [
      "poisoned-history",
      { status: 500, frames: [[20, error("Failed to parse tool call arguments as JSON: [json.exception.parse_error.101]")]] },
    ],
    ["context-exceeded", { status: 400, frames: [[20, error("the request exceeds the available context size, try increasing it")]] }],
    ["tool-schema", { status: 400, frames: [[20, error("Failed to initialize samplers: failed to parse grammar")]] }],
    [
      "grammar-crash",
      { errorType: "server_error", details: { error: { message: "got exception: Unexpected empty grammar stack after accepting piece" } } },
    ],
    ["key", { status: 401, frames: [[20, error("Invalid API Key")]] }],
    ["loading", { status: 503, frames: [[20, error("Loading model")]] }],
    ["backend-down", { outcome: "upstream-refused", status: 502 }],
    ["backend-silent", { outcome: "upstream-timeout" }],
    ["backend-died", { outcome: "upstream-broke" }],
    ["client-gone", { outcome: "client-gone" }],
    ["interrupted", { outcome: "interrupted" }],
    ["token-limit", { finish: "length" }],
    ["context-full", { finish: "length", prompt: 4040, completion: 56, context: 4096 }],
  ];
  test.each(cases)("%s", (code, more) => {
    const { failure } = explained([second({ ...more })]);
    expect(failure?.code).toBe(code);
    expect(failure?.cure).toBeTruthy();
  });
  test("a good reply did not fail", () => {
    expect(explained([second()]).failure).toBeUndefined();
  });
});
