import type { Delta } from "../core/delta.ts";
import type { ExchangeEnd, FixNote, Outcome, Step } from "../core/exchange.ts";
import { fixNames } from "../core/metrics.ts";
import { createSummarizer } from "../core/summarize.ts";
import type { Failure } from "./refusals.ts";

/** What is learned of one exchange on its way, and the `ExchangeEnd` made of it. */
export interface Ledger {
  status: number | undefined;
  streamed: boolean;
  attempts: number;
  requestBytes: number;
  upstreamSentMs: number | undefined;
  firstByteMs: number | undefined;
  upstreamEndMs: number | undefined;
  overheadMs: number;
  truncated: boolean;
  /** Milliseconds spent in the fixes' engines, mending or not. */
  fixingMs: number;
  readonly notes: FixNote[];
  /** The API's own end mark was seen: a client that leaves now has everything. */
  done: boolean;
  sawStep(atMs: number, step: Step): void;
  /** A reply that came whole. */
  sawDeltas(deltas: readonly Delta[], out?: readonly Delta[]): void;
  end(
    outcome: Outcome,
    failure: Failure | undefined,
    durationMs: number,
    responseBytes: number,
    contextTotal: number | undefined,
  ): ExchangeEnd;
}

export function createLedger(): Ledger {
  const summarizer = createSummarizer();
  let chunks = 0;
  let firstChunkMs: number | undefined;
  let firstTokenMs: number | undefined;
  let lastTokenMs: number | undefined;

  return {
    status: undefined,
    streamed: false,
    attempts: 0,
    requestBytes: 0,
    upstreamSentMs: undefined,
    firstByteMs: undefined,
    upstreamEndMs: undefined,
    overheadMs: 0,
    truncated: false,
    fixingMs: 0,
    notes: [],
    done: false,
    sawStep(atMs, step) {
      if (step.frame.data !== undefined) {
        chunks += 1;
        firstChunkMs ??= atMs;
      }
      for (const delta of step.deltas) {
        switch (delta.kind) {
          case "text":
          case "reasoning":
          case "tool-open":
          case "tool-args":
            firstTokenMs ??= atMs;
            lastTokenMs = atMs;
            break;
          case "done":
            this.done = true;
            break;
          default:
            break;
        }
      }
      summarizer.add(step.deltas, step.out);
    },
    sawDeltas: (deltas, out) => summarizer.add(deltas, out),
    end(outcome, failure, durationMs, responseBytes, contextTotal) {
      const summary = summarizer.summary(chunks);
      return {
        outcome,
        reason: failure?.detail ?? (outcome === "client-gone" ? "the client closed its connection" : undefined),
        errorType: errorTypeOf(outcome, failure, this.status, summary.error),
        status: this.status,
        streamed: this.streamed,
        durationMs,
        upstreamSentMs: this.upstreamSentMs,
        firstByteMs: this.firstByteMs,
        firstChunkMs,
        firstTokenMs,
        lastTokenMs,
        upstreamEndMs: this.upstreamEndMs,
        overheadMs: this.overheadMs,
        attempts: this.attempts,
        requestBytes: this.requestBytes,
        responseBytes,
        summary,
        notes: this.notes,
        contextTotal,
        truncated: this.truncated,
        ...fixTimes(this.notes, this.fixingMs),
      };
    },
  };
}

/** The rules of one engine run interleaved, so the time is shared evenly among those that changed something. */
function fixTimes(notes: readonly FixNote[], ms: number): Pick<ExchangeEnd, "fixMs"> {
  const names = fixNames({ notes });
  return names.length === 0 ? {} : { fixMs: Object.fromEntries(names.map((name) => [name, ms / names.length])) };
}

/** First that applies: the backend's own `error.type`, the status, an error code, our word for the outcome. */
function errorTypeOf(
  outcome: Outcome,
  failure: Failure | undefined,
  status: number | undefined,
  error: { readonly type: string | undefined } | undefined,
): string | undefined {
  if (outcome === "client-gone") return "client_closed";
  if (error) return error.type ?? (status !== undefined && status >= 400 ? String(status) : "_OTHER");
  if (outcome === "completed") return status !== undefined && status >= 400 ? String(status) : undefined;
  if (failure?.code !== undefined) return failure.code;
  if (outcome === "upstream-broke") return "upstream_closed";
  return outcome === "upstream-timeout" ? "timeout" : "_OTHER";
}
