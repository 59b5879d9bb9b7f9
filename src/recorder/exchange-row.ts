import type { FixNote } from "../core/exchange.ts";
import type { RequestMetrics } from "../core/metrics.ts";
import type { RecordedExchange } from "../core/recording.ts";
import type { Session } from "./lineage.ts";

/** What is known of an exchange when it begins. */
export interface ExchangeRow extends Pick<RecordedExchange, "id" | "startedAt" | "method" | "path" | "route" | "dialect" | "truncated"> {
  readonly client: string | undefined;
  readonly model: string | undefined;
  readonly session: Session | undefined;
}

export interface ExchangeEnding {
  readonly metrics: RequestMetrics;
  /** Undefined: what the beginning said. */
  readonly model: string | undefined;
  readonly failed: boolean;
  readonly reason: string | undefined;
  readonly errorType: string | undefined;
  readonly toolCalls: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly truncated: boolean;
  readonly redacted: boolean;
  readonly notes: readonly FixNote[];
  /** Unix milliseconds. */
  readonly endedAt: number;
}

/** Columns known at the beginning, and those that the end brings (`model` and `truncated` it may change). */
export const BEGUN = [
  "id",
  "run",
  "started_at",
  "method",
  "path",
  "route",
  "dialect",
  "client",
  "model",
  "session",
  "session_source",
  "lineage",
  "truncated",
];
export const ENDED = [
  ..."outcome ended_order status failed reason error_type streaming finish_reason fixes duration_ms ttft_ms".split(" "),
  ..."prompt_tokens completion_tokens cached_tokens reasoning_tokens prompt_ms generation_ms prompt_tps".split(" "),
  ..."generation_tps context_total draft_tokens draft_accepted tool_calls request_bytes response_bytes".split(" "),
  ..."trace_id span_id redacted".split(" "),
];

export function insertExchange(columns: readonly string[]): string {
  return `INSERT INTO exchange (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")}) ON CONFLICT (id) DO NOTHING`;
}

/** In the order of BEGUN. */
export function begunValues(run: number, row: ExchangeRow, ending: ExchangeEnding | undefined): unknown[] {
  const { id, startedAt, method, path, route, dialect, client, session } = row;
  const model = ending?.model ?? row.model;
  const truncated = Number(row.truncated || ending?.truncated === true);
  return [id, run, startedAt, method, path, route, dialect, client, model, session?.name, session?.source, session?.lineage, truncated];
}

/** In the order of ENDED. */
export function endedValues(ending: ExchangeEnding, order: number): unknown[] {
  const m = ending.metrics;
  return [
    m.outcome,
    order,
    m.status,
    Number(ending.failed),
    ending.reason,
    ending.errorType,
    Number(m.streaming),
    m.finishReason,
    m.fixes.length === 0 ? undefined : JSON.stringify(m.fixes),
    m.durationMs,
    m.ttftMs,
    m.promptTokens,
    m.completionTokens,
    m.cachedTokens,
    m.reasoningTokens,
    m.promptMs,
    m.generationMs,
    m.promptTps,
    m.generationTps,
    m.contextTotal,
    m.draftTokens,
    m.draftAccepted,
    ending.toolCalls,
    ending.requestBytes,
    ending.responseBytes,
    ending.traceId,
    ending.spanId,
    Number(ending.redacted),
  ];
}
