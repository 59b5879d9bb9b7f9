import type { FixNote } from "../core/exchange.ts";
import { metricsOf } from "../core/metrics.ts";
import type { ExchangeEnding } from "./exchange-row.ts";
import type { EndOp, OpenExchange } from "./held.ts";
import type { Redactor } from "./redact.ts";

/** The columns and notes of the end, redacted. */
export function endingOf(exchange: OpenExchange, op: EndOp, redactor: Redactor): ExchangeEnding {
  const metrics = metricsOf(exchange.start, undefined, op.end);
  return {
    metrics,
    // The row may have been begun before the request was read.
    model: metrics.model ?? exchange.model,
    failed: isFailure(op),
    reason: op.end.reason === undefined ? undefined : redactor.text(op.end.reason),
    errorType: op.end.errorType === undefined ? undefined : redactor.text(op.end.errorType),
    toolCalls: op.end.summary.toolCalls,
    requestBytes: op.end.requestBytes,
    responseBytes: op.end.responseBytes,
    traceId: op.traceId,
    spanId: op.spanId,
    truncated: exchange.truncated || op.end.truncated,
    redacted: exchange.redacted,
    notes: redactor.active ? op.end.notes.map((note) => redactNote(note, redactor)) : op.end.notes,
    endedAt: op.endedAt,
  };
}

/** What of the end is neither a column nor a note. */
export function detailsOf({ end }: EndOp): Readonly<Record<string, unknown>> {
  const { upstreamSentMs, firstByteMs, firstChunkMs, lastTokenMs, upstreamEndMs, overheadMs, attempts, summary } = end;
  const { id, fingerprint, stopType, slot, finishReasons, timings, chunks, error } = summary;
  return {
    upstreamSentMs,
    firstByteMs,
    firstChunkMs,
    lastTokenMs,
    upstreamEndMs,
    overheadMs,
    attempts,
    id,
    fingerprint,
    stopType,
    slot,
    ...(finishReasons.length > 1 ? { finishReasons } : {}),
    timings,
    chunks,
    error,
  };
}

/** A client that left is not an error of anybody's; neither is a shutdown that was asked for, but its reply is lost. */
export function isFailure({ end }: EndOp): boolean {
  return (
    (end.outcome !== "completed" && end.outcome !== "client-gone") ||
    (end.status ?? 0) >= 400 ||
    (end.errorType !== undefined && end.outcome === "completed")
  );
}

function redactNote(note: FixNote, redactor: Redactor): FixNote {
  return {
    ...note,
    ...(note.before === undefined ? {} : { before: redactor.text(note.before) }),
    ...(note.after === undefined ? {} : { after: redactor.text(note.after) }),
    ...(note.reason === undefined ? {} : { reason: redactor.text(note.reason) }),
  };
}
