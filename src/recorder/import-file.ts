import type { Recording } from "../core/recording.ts";
import type { Outcome } from "../core/exchange.ts";
import { cutBody } from "./body.ts";
import type { ExchangeEnding, ExchangeRow } from "./exchange-row.ts";
import { layRun } from "./frames.ts";
import { openForWriting } from "./open.ts";
import { beginRun, endRun } from "./runs.ts";
import { createStore, type Store } from "./store.ts";

export interface ImportResult {
  readonly added: number;
  /** Ids that are in the file already: left as they are. */
  readonly present: readonly string[];
}

/** Writes recordings from elsewhere into a file, which is made where there is none. Throws SqliteError or FaultError. */
export function importRecordings(path: string, recordings: Iterable<Recording>, nowMs: number): ImportResult {
  const { db } = openForWriting(path, nowMs);
  try {
    const run = beginRun(db, nowMs);
    const store = createStore(db, run);
    const known = db.prepare("SELECT 1 FROM exchange WHERE id = ?");
    const present: string[] = [];
    let added = 0;
    for (const recording of recordings) {
      const isNew = store.transaction(() => {
        if (known.get(recording.id) !== undefined) return false;
        write(store, recording);
        return true;
      });
      if (isNew) added += 1;
      else present.push(recording.id);
    }
    endRun(db, run, nowMs);
    return { added, present };
  } finally {
    db.close();
  }
}

function write(store: Store, recording: Recording): void {
  const { request, response, metrics, details } = recording;
  const { httpVersion, peer, headMs, requestBytes: _in, responseBytes: _out, toolCalls: _calls, ...rest } = details;
  const row: ExchangeRow = {
    id: recording.id,
    startedAt: recording.startedAt,
    method: recording.method,
    path: recording.path,
    route: recording.route,
    dialect: recording.dialect,
    client: metrics.client,
    model: metrics.model,
    session: recording.session === undefined ? undefined : { name: recording.session, source: "header", lineage: undefined },
    truncated: recording.truncated,
  };
  const { seq } = store.begin(row, endingOf(recording));
  store.putBody(seq, "request", cutBody(request.body));
  if (request.forwarded !== request.body) store.putBody(seq, "forwarded", cutBody(request.forwarded));
  store.putHead(seq, {
    httpVersion: typeof httpVersion === "string" ? httpVersion : "1.1",
    peer,
    headers: request.headers,
    framed: response?.framed ?? false,
    ...(response ? { response: { atMs: countOf(headMs), status: response.status, headers: response.headers } } : {}),
    details: rest,
  });
  if (response && response.pieces.length > 0) {
    const frames = response.pieces.map(({ atMs, upstream, sent }) => ({ atUs: Math.round(atMs * 1000), upstream, sent }));
    store.putRun(seq, 0, 0, layRun(frames));
  }
}

function endingOf(recording: Recording): ExchangeEnding {
  const { metrics, details } = recording;
  return {
    model: metrics.model,
    metrics: { ...metrics, outcome: (recording.outcome === "running" ? "interrupted" : recording.outcome) as Outcome },
    failed:
      recording.outcome !== "completed" && recording.outcome !== "client-gone"
        ? true
        : (metrics.status ?? 0) >= 400 || recording.errorType !== undefined,
    reason: recording.reason,
    errorType: recording.errorType,
    toolCalls: countOf(details.toolCalls),
    requestBytes: countOf(details.requestBytes),
    responseBytes: countOf(details.responseBytes),
    traceId: recording.traceId,
    spanId: recording.spanId,
    truncated: recording.truncated,
    redacted: false,
    notes: recording.notes,
    endedAt: recording.startedAt + metrics.durationMs,
  };
}

function countOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
