/**
 * One exchange from its first byte to its single end.
 *
 *   admit (body) → dispatch → head → frames | whole body | raw bytes → settle
 *
 * Everything that can end an exchange calls `settle`, the first caller wins, and the rest are
 * silent. Every callback from undici runs under `guarded`: an exception of ours would otherwise
 * come back as an upstream error.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Dispatcher } from "undici";
import type { RequestView } from "../core/delta.ts";
import type { ExchangeStart, FixNote, Outcome } from "../core/exchange.ts";
import { createStreamPipeline, type StreamPipeline } from "../fixes/pipeline.ts";
import { fixRequest } from "../fixes/request.ts";
import { planForRequest } from "../fixes/treatment.ts";
import { headerOf, withoutHopByHop, type RawHeaders } from "../wire/headers.ts";
import { parseOrUndefined } from "../wire/json.ts";
import { admit, bodyOf, hasBody, keep, watch } from "./admit.ts";
import { receive, type Incoming } from "./incoming.ts";
import { credentialsOf, forwardedHeaders, targetOf, withoutLength } from "./forward.ts";
import { createLedger } from "./ledger.ts";
import type { RelayParts } from "./parts.ts";
import { failureOf, hangUp, isLostConnection, refusalBody, refusalOf, type Failure } from "./refusals.ts";
import { createReply } from "./reply.ts";
import type { ChunkSink } from "./bypass.ts";
import { later } from "./later.ts";
import { Silence } from "./silence.ts";
import type { Route } from "./routes.ts";
import { rawHeaders, withoutStacks, type Attempt } from "./upstream.ts";

export interface RunningExchange {
  readonly id: string;
  /** Its client's connection is closed. */
  clientGone(): void;
  /** Ends it with outcome `shutdown` unless it has ended. */
  shutdown(): void;
}

export function relay(
  parts: RelayParts,
  request: IncomingMessage,
  response: ServerResponse,
  route: Route,
  start: ExchangeStart,
  /** `start.at` on the monotonic clock. */
  begun: number,
  onSettled: () => void,
): RunningExchange {
  const { clock, limits, context } = parts;
  const { dialect } = route;
  const elapsed = (): number => clock.monoMs() - begun;
  const ledger = createLedger();
  const tap = parts.sink.begin(start);
  const reply = createReply(response, request.httpVersion === "1.0");

  let settled = false;
  let replied = false;
  let incoming: Incoming | undefined;
  let controller: Dispatcher.DispatchController | undefined;
  const silence = new Silence(elapsed, limits.timeoutMs, () => controller?.paused === true, onSilence);
  let view: RequestView | undefined;
  let plan = parts.plan;
  let pipeline: StreamPipeline | undefined;

  // ---- the one ending -------------------------------------------------------------------------

  function settle(outcome: Outcome, failure?: Failure): void {
    if (settled) return;
    settled = true;
    silence.stop();
    response.off("close", onClientClose).off("drain", onDrain).off("finish", onFinish);
    if (outcome === "upstream-refused" || outcome === "upstream-broke") context.forget();
    try {
      if (failure) tellClient(failure);
      else if (outcome === "client-gone") incoming?.cut();
    } catch {
      response.destroy();
    }
    if (incoming) ledger.notes.push(...incoming.notes());
    controller?.abort(hangUp(outcome, replied));
    if (tap) {
      const endedMs = elapsed();
      const contextTotal = context.total(view?.model);
      const tell = (): void => tap.end(ledger.end(outcome, failure, endedMs, reply.bytesWritten, contextTotal));
      // Where the backend was left, undici ends its span a moment after this; telemetry has to be first.
      if (ledger.upstreamEndMs === undefined) tell();
      else later(tell);
    }
    onSettled();
  }

  /** The refusal as a whole reply, as a last frame of a stream, or not at all: then the cut speaks for itself. */
  function tellClient(failure: Failure): void {
    if (response.destroyed) return;
    const refusal = refusalOf(failure, parts.upstream.origin, limits.timeoutMs);
    if (reply.started) {
      incoming?.fail(refusal);
      reply.cut();
      return;
    }
    incoming?.cut();
    const body = refusalBody(dialect, refusal);
    ledger.status = refusal.status;
    const headers = ["Content-Type", "application/json; charset=utf-8", "Content-Length", String(body.length), ...ownHeader()];
    if (!request.complete) response.shouldKeepAlive = false;
    reply.head(refusal.status, undefined, headers, request.method !== "HEAD", body.length);
    if (request.method !== "HEAD") reply.write(body);
    reply.end([]);
  }

  function guarded<A extends unknown[]>(work: (...args: A) => void): (...args: A) => void {
    return (...args) => {
      try {
        work(...args);
      } catch (cause) {
        broke(cause);
      }
    };
  }

  function broke(cause: unknown): void {
    settle("internal", { outcome: "internal", code: undefined, detail: cause instanceof Error ? cause.message : String(cause) });
  }

  function onClientClose(): void {
    if (settled) return;
    incoming?.catchUp();
    settle(ledger.done ? "completed" : "client-gone");
  }

  function onFinish(): void {
    settle("completed");
  }

  function onDrain(): void {
    silence.heardAt = elapsed();
    controller?.resume();
  }

  function onSilence(): void {
    settle("upstream-timeout", { outcome: "upstream-timeout", code: undefined, detail: `silent for ${limits.timeoutMs / 1000} s` });
  }

  const ownHeader = (): string[] => ["x-llama-proxy-request-id", start.id];

  // ---- the request ----------------------------------------------------------------------------

  async function run(): Promise<void> {
    const headers = forwardedHeaders(parts, start, dialect !== undefined);
    if (!dialect) {
      if (!hasBody(request)) dispatch(headers, null, false);
      else dispatch(headers, watched(parts.recordAll ? kept(bodyOf(request)) : bodyOf(request)), true);
      return;
    }
    const admitted = await admit(request, limits.requestBytes);
    if (settled) return;
    if (admitted.kind === "stream") {
      note({ action: "skipped", reason: `request body above ${limits.requestBytes} bytes: relayed without being understood` });
      ledger.truncated = true;
      tap?.request?.(undefined, new Uint8Array(0));
      dispatch(headers, watched(admitted.body), true);
      return;
    }
    const readAt = elapsed();
    const { body } = admitted;
    ledger.requestBytes = body.length;
    const text = body.toString("utf8");
    const parsed = parseOrUndefined(text);
    let forward: Uint8Array = body;
    if (parsed === undefined) {
      if (body.length > 0) note({ action: "skipped", reason: "the request body is not JSON: passed to the backend as it is" });
      tap?.request?.(undefined, body);
    } else {
      view = dialect.readRequest(parsed);
      tap?.request?.(view, body);
      plan = planForRequest(parts.plan, view, start.headers);
      if (plan !== parts.plan)
        note({ action: "skipped", reason: "X-Conversation-Id: the stream may be resumed by byte offset, so no fix changes it" });
      const from = elapsed();
      const fixed = fixRequest(plan, dialect, body, parsed, text);
      ledger.fixingMs += elapsed() - from;
      ledger.notes.push(...fixed.notes);
      forward = fixed.forward;
      if (forward !== body) tap?.forwarded?.(forward);
    }
    context.want(view?.model, credentialsOf(headers));
    dispatch(withoutLength(headers), Buffer.from(forward.buffer, forward.byteOffset, forward.length), false);
    ledger.overheadMs += elapsed() - readAt;
  }

  function note(what: Pick<FixNote, "action" | "reason">): void {
    ledger.notes.push({ fix: "sidecar", target: "request", ...what });
  }

  /** Counts the bytes of a streamed request body, and keeps a slow upload from being judged as silence. */
  function watched(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    return watch(body, (chunk) => {
      ledger.requestBytes += chunk.length;
      silence.heardAt = elapsed();
    });
  }

  /** Keeps a streamed body for the recorder, up to the request limit. */
  function kept(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    return keep(body, limits.requestBytes, (whole, isCut) => {
      ledger.truncated ||= isCut;
      tap?.request?.(undefined, whole);
    });
  }

  // ---- the backend ----------------------------------------------------------------------------

  function dispatch(headers: string[], body: Uint8Array | AsyncIterable<Uint8Array> | null, fresh: boolean): void {
    ledger.attempts += 1;
    const attempt: Attempt = { reused: false, answered: () => false, headRead: () => {} };
    silence.start();
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart: guarded((started: Dispatcher.DispatchController) => {
        controller = started;
        if (settled) started.abort(new Error("exchange over"));
      }),
      onRequestSent: guarded(() => {
        ledger.upstreamSentMs = silence.heardAt = elapsed();
        // The backend is at work on it: time for what would otherwise hold up its first byte.
        if (dialect && view?.stream) pipeline ??= createStreamPipeline(plan, dialect, view, limits);
      }),
      onResponseStart: guarded((from: Dispatcher.DispatchController, status: number, _headers: unknown, reason?: string) => {
        replied = true;
        const head = rawHeaders(from.rawHeaders);
        if (status >= 200) attempt.headRead(isChunked(head) ? chunks : undefined);
        onHead(from, status, head, reason);
      }),
      // Not through `guarded`: this is called for every frame.
      onResponseData(_from, chunk) {
        onData(chunk);
      },
      onResponseEnd: guarded((from: Dispatcher.DispatchController) => {
        if (settled) return;
        silence.stop();
        ledger.upstreamEndMs = elapsed();
        controller = undefined;
        incoming?.end(rawHeaders(from.rawTrailers));
        if (view?.stream) withoutStacks();
      }),
      onResponseError: guarded((_from: Dispatcher.DispatchController, cause: Error) => {
        if (settled) return;
        if (request.destroyed && !request.complete) {
          settle("client-gone");
          return;
        }
        const answered = replied || attempt.answered();
        const again = attempt.reused && !answered && isLostConnection(cause) && !isIterable(body);
        if (again) {
          dispatch(headers, body, true);
          return;
        }
        const failure = failureOf(cause, answered);
        settle(failure.outcome, failure);
      }),
    };
    const work = (): void =>
      parts.upstream.dispatch(
        { method: start.method, path: targetOf(start), headers, body, fresh, last: view?.stream === true },
        handler,
        attempt,
      );
    if (tap?.enter) tap.enter(work);
    else work();
  }

  function onData(chunk: Buffer, framed?: Buffer): void {
    if (settled) return;
    const at = (silence.heardAt = elapsed());
    try {
      if (incoming?.data(chunk, at, framed) === false) controller?.pause();
    } catch (cause) {
      broke(cause);
    }
  }

  const chunks: ChunkSink = {
    ready: () => !settled && controller?.paused === false,
    chunk: onData,
  };

  function onHead(from: Dispatcher.DispatchController, status: number, headers: string[], reason: string | undefined): void {
    if (settled) return;
    if (status < 200) {
      // A storm of them is no sign of life.
      if (reply.informational(status, withoutHopByHop(headers))) silence.heardAt = elapsed();
      return;
    }
    ledger.status = status;
    ledger.firstByteMs = silence.heardAt = elapsed();
    tap?.head?.(ledger.firstByteMs, status, headers);
    incoming = receive(
      { status, reason, headers, ownHeader: ownHeader() },
      {
        dialect,
        view,
        plan,
        limits,
        reply,
        ledger,
        tap,
        elapsed,
        pipeline,
        bodyless: start.method === "HEAD" || status === 204 || status === 304,
      },
    );
    ledger.overheadMs += elapsed() - ledger.firstByteMs;
    if (response.writableNeedDrain) from.pause();
  }

  response.on("close", onClientClose).on("drain", onDrain).on("finish", onFinish);
  run().catch((cause: unknown) => {
    if (request.destroyed || response.destroyed) settle("client-gone");
    else broke(cause);
  });

  return {
    id: start.id,
    clientGone: onClientClose,
    shutdown: () => settle("shutdown", { outcome: "shutdown", code: undefined, detail: "the proxy was stopped" }),
  };
}

function isChunked(headers: RawHeaders): boolean {
  return headerOf(headers, "transfer-encoding") === "chunked";
}

function isIterable(body: unknown): boolean {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body;
}
