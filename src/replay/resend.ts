/** `replay --live`: the recorded request to a backend again, and what it answers as a recording of its own. */
import { request } from "undici";
import type { RecordedPiece, Recording } from "../core/recording.ts";
import { createFramer } from "../wire/framer.ts";
import { headerOf, mediaType, REDACTED, withoutHeaders, withoutHopByHop, type RawHeaders } from "../wire/headers.ts";
import { OF_ITS_TIME } from "./elsewhere.ts";

export interface ResendOptions {
  /** Origin of the backend. */
  readonly backend: string;
  /** Keys are never recorded, so a backend that wants one needs it here. */
  readonly apiKey: string | undefined;
  /** Longest silence; 0 is none. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Sends `forward` as the body. The result is `recording` with the new reply, nothing mended: `sent` is
 * what came. Rejects with undici's error when the backend cannot be reached.
 */
export async function resend(recording: Recording, forward: Uint8Array, options: ResendOptions): Promise<Recording> {
  const startedAt = Date.now();
  const begun = performance.now();
  const answer = await request(`${options.backend}${recording.path}`, {
    method: recording.method,
    headers: headersFor(recording.request.headers, options.apiKey),
    body: forward.length === 0 ? null : Buffer.from(forward),
    headersTimeout: options.timeoutMs,
    bodyTimeout: options.timeoutMs,
    responseHeaders: "raw",
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const headers = answer.headers as unknown as RawHeaders;
  const framed = mediaType(headerOf(headers, "content-type")) === "text/event-stream";
  const pieces = await collect(answer.body, framed, begun);
  const durationMs = performance.now() - begun;
  return {
    ...recording,
    startedAt,
    outcome: "completed",
    reason: undefined,
    truncated: false,
    metrics: { durationMs, streaming: framed, fixes: [] },
    request: { ...recording.request, forwarded: forward },
    response: { status: answer.statusCode, headers, framed, pieces },
    notes: [],
  };
}

function headersFor(recorded: RawHeaders, apiKey: string | undefined): string[] {
  const kept = withoutHeaders(withoutHopByHop(recorded), OF_ITS_TIME);
  const headers: string[] = [];
  for (let i = 0; i + 1 < kept.length; i += 2) {
    const value = kept[i + 1] ?? "";
    if (value !== REDACTED) headers.push(kept[i] ?? "", value);
  }
  return apiKey === undefined ? headers : [...withoutHeaders(headers, new Set(["authorization"])), "authorization", `Bearer ${apiKey}`];
}

async function collect(body: AsyncIterable<Buffer>, framed: boolean, begun: number): Promise<readonly RecordedPiece[]> {
  const framer = createFramer();
  const pieces: RecordedPiece[] = [];
  function keep(bytes: Uint8Array): void {
    pieces.push({ seq: pieces.length, atMs: performance.now() - begun, upstream: bytes, sent: bytes });
  }
  for await (const chunk of body) for (const piece of framed ? framer.push(chunk) : [chunk]) keep(piece);
  const rest = framer.end();
  if (rest.length > 0) keep(rest);
  return pieces;
}
