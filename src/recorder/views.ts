/** One column of a view, as docs/schema.md shows it. */
export interface ViewColumn {
  readonly name: string;
  readonly meaning: string;
}

export interface View {
  readonly name: string;
  readonly about: string;
  readonly columns: readonly ViewColumn[];
  readonly sql: string;
}

/** As metricsOf has it: absent only when both counts are. */
const CONTEXT_USED =
  "CASE WHEN coalesce(prompt_tokens, completion_tokens) IS NOT NULL THEN coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0) END";

/** What `llama-proxy sql` is for. Columns are only ever added; the tables underneath may change. */
export const VIEWS: readonly View[] = [
  view(
    "exchanges",
    "One row per exchange, newest last. What the backend did not report is NULL, never zero.",
    [
      ["seq", "number of the exchange in this file, in order of beginning", "seq"],
      ["id", "the id that `show` and `replay --id` take", "id"],
      ["started_at", "UTC, ISO 8601", "strftime('%Y-%m-%dT%H:%M:%fZ', started_at / 1000.0, 'unixepoch')"],
      ["started_ms", "Unix time in milliseconds", "started_at"],
      ["method", "", "method"],
      ["path", "request target as sent, query included; values of secret parameters redacted", "path"],
      ["route", "template of the route, `*` when unknown", "route"],
      ["dialect", "the API, NULL on pass-through routes", "dialect"],
      ["client", "the program that asked", "client"],
      ["model", "", "model"],
      ["session", "session or conversation", "session"],
      ["session_source", "`header`, `body` or `lineage` (messages that extend an earlier request's)", "session_source"],
      ["outcome", "how it ended; `running` before it did, `interrupted` when the sidecar died first", "coalesce(outcome, 'running')"],
      ["status", "status the client got", "status"],
      ["failed", "1 when it counts as an error", "failed"],
      ["reason", "what went wrong, in words", "reason"],
      ["error_type", "", "error_type"],
      ["streaming", "1 when the reply was an event stream", "streaming"],
      ["finish_reason", "of the first choice, in the API's own word", "finish_reason"],
      ["fixes", "JSON array of the fixes that changed something, NULL when none did", "fixes"],
      ["duration_ms", "", "duration_ms"],
      ["ttft_ms", "to the first frame with content, reasoning or a tool call; streams only", "ttft_ms"],
      ["prompt_tokens", "cached ones included", "prompt_tokens"],
      ["completion_tokens", "", "completion_tokens"],
      ["total_tokens", "", "prompt_tokens + completion_tokens"],
      ["cached_tokens", "", "cached_tokens"],
      ["reasoning_tokens", "", "reasoning_tokens"],
      ["prompt_ms", "", "prompt_ms"],
      ["generation_ms", "", "generation_ms"],
      ["prompt_tps", "tokens per second of the uncached part of the prompt", "prompt_tps"],
      ["generation_tps", "tokens per second behind the first", "generation_tps"],
      ["context_total", "context of one slot, in tokens", "context_total"],
      ["context_used", "tokens of prompt and completion", CONTEXT_USED],
      ["context_percent", "", `100.0 * (${CONTEXT_USED}) / nullif(context_total, 0)`],
      ["draft_tokens", "", "draft_tokens"],
      ["draft_accepted", "", "draft_accepted"],
      ["tool_calls", "calls in the reply, after fixes", "tool_calls"],
      ["request_bytes", "", "request_bytes"],
      ["response_bytes", "", "response_bytes"],
      ["trace_id", "", "trace_id"],
      ["span_id", "", "span_id"],
      ["truncated", "1 when recorded bytes are known to be incomplete", "truncated"],
      ["redacted", "1 when a redaction rule changed recorded bytes", "redacted"],
      ["pinned", "1 when pruning leaves it alone", "pinned"],
    ],
    "FROM exchange",
  ),
  view(
    "frames",
    "One row per SSE frame, or per piece of any other reply. Needs `llama-proxy sql`. Ask for one exchange (`WHERE id = …`): every row asked for is decompressed.",
    [
      ["id", "the exchange", "e.id"],
      ["seq", "number of the frame, from 0", "f.seq"],
      ["at_ms", "since the exchange began, microsecond resolution", "f.at_ms"],
      ["upstream", "the backend's bytes, as text where they are UTF-8, else as a blob", "f.upstream"],
      ["sent", "what the client got for it; empty when all of it was held back", "f.sent"],
      ["changed", "1 when `sent` differs from `upstream`", "f.changed"],
    ],
    "FROM exchange e JOIN frames_of(e.seq) f",
  ),
  view(
    "messages",
    "One row per message of a request, system prompt included. Needs `llama-proxy sql`. Ask for one exchange.",
    [
      ["id", "the exchange", "e.id"],
      ["n", "number of the message, from 0", "m.n"],
      ["role", "", "m.role"],
      ["content", "text of the message: its string, or the text parts joined; NULL when it has none", "m.content"],
      ["json", "the message as it was sent", "m.json"],
    ],
    "FROM exchange e JOIN messages_of(e.seq) m",
  ),
  view(
    "tool_calls",
    "One row per tool call of a reply, as the client got it. Needs `llama-proxy sql`. Ask for one exchange.",
    [
      ["id", "the exchange", "e.id"],
      ["n", "number of the call, from 0", "t.n"],
      ["choice", "", "t.choice"],
      ["call_id", "", "t.call_id"],
      ["name", "", "t.name"],
      ["arguments", "JSON text, as the client could put it together", "t.arguments"],
      ["valid", "1 when the arguments are JSON", "t.valid"],
    ],
    "FROM exchange e JOIN tool_calls_of(e.seq) t",
  ),
  view(
    "fix_notes",
    "One row for everything a fix did, declined, or would have done.",
    [
      ["id", "the exchange", "e.id"],
      ["n", "number of the note, from 0", "n.n"],
      ["fix", "", "n.fix"],
      ["action", "`fixed`, `refused`, or `skipped` (also: only observed)", "n.action"],
      ["rule", "", "n.rule"],
      ["target", "what it looked at", "n.target"],
      ["choice", "", "n.choice"],
      ["tool", "number of the call within its choice", "n.tool"],
      ["tool_name", "", "n.tool_name"],
      ["pointer", "JSON pointer into the arguments or the body", "n.pointer"],
      ["before", "at most 200 characters", "n.before"],
      ["after", "at most 200 characters", "n.after"],
      ["reason", "", "n.reason"],
      ["bytes_held_max", "most bytes held back at any time", "n.bytes_held_max"],
    ],
    "FROM note n JOIN exchange e ON e.seq = n.exchange",
  ),
];

function view(name: string, about: string, columns: readonly (readonly [string, string, string])[], from: string): View {
  const selected = columns.map(([column, , expression]) => `${expression} AS ${column}`);
  return {
    name,
    about,
    columns: columns.map(([column, meaning]) => ({ name: column, meaning })),
    sql: `SELECT ${selected.join(", ")} ${from}`,
  };
}
