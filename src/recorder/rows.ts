import type { RecordedExchange } from "../core/recording.ts";

/** The columns of table `exchange` that a list shows. */
export interface ExchangeColumns {
  readonly seq: number;
  readonly id: string;
  readonly started_at: number;
  readonly ended_order: number | null;
  readonly method: string;
  readonly path: string;
  readonly route: string;
  readonly dialect: string | null;
  readonly client: string | null;
  readonly model: string | null;
  readonly session: string | null;
  readonly outcome: string | null;
  readonly status: number | null;
  readonly reason: string | null;
  readonly error_type: string | null;
  readonly streaming: number;
  readonly finish_reason: string | null;
  readonly fixes: string | null;
  readonly duration_ms: number | null;
  readonly ttft_ms: number | null;
  readonly prompt_tokens: number | null;
  readonly completion_tokens: number | null;
  readonly cached_tokens: number | null;
  readonly reasoning_tokens: number | null;
  readonly prompt_ms: number | null;
  readonly generation_ms: number | null;
  readonly prompt_tps: number | null;
  readonly generation_tps: number | null;
  readonly context_total: number | null;
  readonly draft_tokens: number | null;
  readonly draft_accepted: number | null;
  readonly tool_calls: number | null;
  readonly request_bytes: number | null;
  readonly response_bytes: number | null;
  readonly trace_id: string | null;
  readonly span_id: string | null;
  readonly truncated: number;
}

export function toExchange(row: ExchangeColumns): RecordedExchange {
  return {
    id: row.id,
    startedAt: row.started_at,
    method: row.method,
    path: row.path,
    route: row.route,
    dialect: row.dialect ?? undefined,
    session: row.session ?? undefined,
    outcome: row.outcome ?? "running",
    reason: row.reason ?? undefined,
    errorType: row.error_type ?? undefined,
    traceId: row.trace_id ?? undefined,
    spanId: row.span_id ?? undefined,
    truncated: row.truncated === 1,
    metrics: toMetrics(row),
  };
}

/** The numbers as metricsOf gave them: what follows from others is worked out again, by its formulas. */
function toMetrics(row: ExchangeColumns): RecordedExchange["metrics"] {
  const prompt = row.prompt_tokens;
  const completion = row.completion_tokens;
  const used = prompt === null && completion === null ? null : (prompt ?? 0) + (completion ?? 0);
  const facts = {
    model: row.model,
    client: row.client,
    promptTokens: prompt,
    completionTokens: completion,
    totalTokens: prompt === null || completion === null ? null : prompt + completion,
    cachedTokens: row.cached_tokens,
    reasoningTokens: row.reasoning_tokens,
    promptTps: row.prompt_tps,
    generationTps: row.generation_tps,
    promptMs: row.prompt_ms,
    generationMs: row.generation_ms,
    ttftMs: row.ttft_ms,
    contextTotal: row.context_total,
    contextUsed: used,
    contextPercent: used === null || !row.context_total ? null : (used / row.context_total) * 100,
    draftTokens: row.draft_tokens,
    draftAccepted: row.draft_accepted,
    draftAcceptance: row.draft_tokens && row.draft_accepted !== null ? row.draft_accepted / row.draft_tokens : null,
    finishReason: row.finish_reason,
    status: row.status,
  };
  return {
    ...(Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== null)) as object),
    durationMs: row.duration_ms ?? 0,
    streaming: row.streaming === 1,
    fixes: row.fixes === null ? [] : (JSON.parse(row.fixes) as string[]),
  };
}
