import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RequestView } from "../../src/core/delta.ts";
import type { ExchangeEnd, ExchangeStart, FixNote } from "../../src/core/exchange.ts";
import type { ExchangeSink, ExchangeTap } from "../../src/core/sink.ts";
import type { Queue } from "../../src/recorder/queue.ts";
import { createTap } from "../../src/recorder/tap.ts";

/** A folder that is gone at the end of the block. */
export function temporary(): Disposable & { readonly path: string; file(name?: string): string } {
  const path = mkdtempSync(join(tmpdir(), "llama-proxy-recorder-"));
  return {
    path,
    file: (name = "r.db") => join(path, name),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function startOf(id: string, more: Partial<ExchangeStart> = {}): ExchangeStart {
  return {
    id,
    at: 1_800_000_000_000,
    method: "POST",
    path: "/v1/chat/completions",
    route: "/v1/chat/completions",
    httpVersion: "1.1",
    headers: ["Host", "localhost", "Content-Type", "application/json"],
    dialect: "openai.chat_completions",
    peer: { address: "127.0.0.1", port: 40_000 },
    client: "test",
    session: undefined,
    ...more,
  };
}

export function viewOf(more: Partial<RequestView> = {}): RequestView {
  return {
    model: "qwen3-coder",
    stream: true,
    tools: [],
    toolsForbidden: false,
    parallelToolCalls: undefined,
    conversation: undefined,
    body: undefined,
    ...more,
  };
}

export function endOf(more: Partial<ExchangeEnd> = {}): ExchangeEnd {
  return {
    outcome: "completed",
    reason: undefined,
    errorType: undefined,
    status: 200,
    streamed: true,
    durationMs: 120.5,
    upstreamSentMs: 1,
    firstByteMs: 20,
    firstChunkMs: 21,
    firstTokenMs: 30.25,
    lastTokenMs: 110,
    upstreamEndMs: 115,
    overheadMs: 0.4,
    attempts: 1,
    requestBytes: 100,
    responseBytes: 200,
    summary: {
      finishReasons: ["stop"],
      toolCalls: 0,
      chunks: 2,
      usage: { promptTokens: 100, completionTokens: 20, cachedTokens: 60 },
      timings: { cacheN: 60, promptN: 40, promptMs: 20, predictedN: 20, predictedMs: 80 },
    },
    notes: [],
    contextTotal: 4096,
    truncated: false,
    ...more,
  };
}

export const fixedNote: FixNote = {
  fix: "toolcall_bad_filepath",
  action: "fixed",
  rule: "duplicate-key",
  target: "tool_call.arguments",
  tool: 0,
  before: "a",
  after: "b",
};

export interface PlayedFrame {
  readonly atMs: number;
  readonly upstream: Uint8Array;
  /** Absent: what came is what was sent. */
  readonly sent?: Uint8Array;
}

export interface Played {
  readonly start: ExchangeStart;
  readonly view?: RequestView;
  readonly body: Uint8Array;
  readonly forwarded?: Uint8Array;
  readonly framed: boolean;
  readonly frames: readonly PlayedFrame[];
  readonly end: ExchangeEnd;
}

export function tapOf(sink: ExchangeSink, start: ExchangeStart): ExchangeTap {
  const tap = sink.begin(start);
  if (!tap) throw new Error("the sink is not interested");
  return tap;
}

/** The beginning of an exchange up to its frames, as the sidecar would tell it. */
export function playBegin(sink: ExchangeSink, played: Omit<Played, "end">): ExchangeTap {
  const tap = tapOf(sink, played.start);
  tap.request?.(played.view ?? viewOf(), played.body);
  if (played.forwarded) tap.forwarded?.(played.forwarded);
  tap.head?.(15.5, 200, ["Content-Type", played.framed ? "text/event-stream" : "application/json", "Set-Cookie", "sid=1"]);
  for (const { atMs, upstream, sent } of played.frames) {
    if (played.framed) {
      const frame = { raw: upstream, event: undefined, data: undefined };
      tap.step?.(atMs, {
        frame,
        deltas: [],
        out: [],
        sent: sent ? (sent.length === 0 ? [] : [sent.subarray(0, 1), sent.subarray(1)]) : [upstream],
      });
    } else {
      tap.chunk?.(atMs, upstream, sent ?? upstream);
    }
  }
  return tap;
}

export function play(sink: ExchangeSink, played: Played): void {
  playBegin(sink, played).end(played.end);
}

export function chat(id: string, more: Partial<Played> = {}): Played {
  return {
    start: startOf(id),
    body: bytes(`{"model":"qwen3-coder","messages":[{"role":"user","content":"hello ${id}"}],"stream":true}`),
    framed: true,
    frames: [
      { atMs: 21.001, upstream: bytes('data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n') },
      { atMs: 115.25, upstream: bytes("data: [DONE]\n\n") },
    ],
    end: endOf(),
    ...more,
  };
}

/** A tap that writes into the queue and tells nobody. */
export function tapInto(queue: Queue, x: number, start: ExchangeStart, wallMs: () => number): ExchangeTap {
  return createTap(x, start, {
    queue,
    redactHeaders: (headers) => [...headers],
    trace: undefined,
    wallMs,
    pushed: () => undefined,
    full: () => undefined,
    ended: () => undefined,
  });
}

/** Waits until `check` holds, at most five seconds. */
export async function until(check: () => boolean, what = "it"): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!check()) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Runs node as somebody without rights: root may write where nobody else may. */
export function asNobody(argv: readonly string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  return spawnSync(process.execPath, argv, { encoding: "utf8", ...nobody });
}
