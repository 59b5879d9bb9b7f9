import type { Frame } from "../wire/frame.ts";
import type { RawHeaders } from "../wire/headers.ts";
import type { Delta, Timings, Usage } from "./delta.ts";

/** How an exchange ended. Every exchange has exactly one. */
export type Outcome =
  /** The whole reply reached the client (an error reply of the backend's own counts too). */
  | "completed"
  /** The client closed its connection first. */
  | "client-gone"
  /** No connection to the backend, or it ended before the first byte of a reply. */
  | "upstream-refused"
  /** The backend was silent longer than `backend.timeout_seconds`. */
  | "upstream-timeout"
  /** The reply ended in the middle, or was not HTTP. */
  | "upstream-broke"
  /** Cut by our own shutdown, after the grace. */
  | "shutdown"
  /** A fault of the sidecar itself. */
  | "internal";

export interface ExchangeStart {
  /** Sorts by time; what `replay --id` and `show` take. */
  readonly id: string;
  /** Unix time in milliseconds, with fractions. */
  readonly at: number;
  readonly method: string;
  /** Request target as sent, query included. */
  readonly path: string;
  /** The route's template (`/v1/chat/completions`, `/slots/:id`), `*` when unknown: bounded, fit for metrics. */
  readonly route: string;
  readonly httpVersion: string;
  readonly headers: RawHeaders;
  /** Dialect name, undefined on pass-through routes. */
  readonly dialect: string | undefined;
  readonly peer: { readonly address: string | undefined; readonly port: number | undefined };
  /** The program that asks, from `user-agent`, `originator`, `x-app`. */
  readonly client: string | undefined;
  /** Session the headers name (X-Claude-Code-Session-Id, x-session-id, session-id …). */
  readonly session: string | undefined;
}

/** One frame's way through the pipeline. */
export interface Step {
  readonly frame: Frame;
  /** What the frame said, before any fix. */
  readonly deltas: readonly Delta[];
  /** What is said to the client in its place: `deltas` itself when no fix changed anything. */
  readonly out: readonly Delta[];
  /** What goes out for it: exactly `[frame.raw]` when nothing changed, `[]` when all of it is held back. */
  readonly sent: readonly Uint8Array[];
}

export type FixAction = "fixed" | "refused" | "skipped";

/** One change a fix made, or declined to make. */
export interface FixNote {
  readonly fix: string;
  /** `skipped` also stands for "observed": the fix would have acted, its mode forbade it. */
  readonly action: FixAction;
  /** The rule inside the fix, where it has several. */
  readonly rule?: string;
  readonly target: "content" | "tool_call.name" | "tool_call.arguments" | "reasoning" | "finish_reason" | "frame" | "request";
  readonly choice?: number;
  /** Number of the tool call within its choice. */
  readonly tool?: number;
  readonly toolName?: string;
  /** Where, as a JSON pointer into the arguments or the body. */
  readonly pointer?: string;
  /** Snippets of at most 200 characters. */
  readonly before?: string;
  readonly after?: string;
  /** Why, for a person, where action and rule do not say it. */
  readonly reason?: string;
  /** Most bytes held back at any time while this fix was at work. */
  readonly bytesHeldMax?: number;
}

/** What a reply said in the end: deltas folded (core/summarize). */
export interface Summary {
  readonly id?: string;
  readonly model?: string;
  readonly fingerprint?: string;
  readonly stopType?: string;
  readonly slot?: number;
  /** By choice index. */
  readonly finishReasons: readonly string[];
  readonly usage?: Usage;
  readonly timings?: Timings;
  /** Tool calls opened, after fixes. */
  readonly toolCalls: number;
  /** Frames with data. 0 for a reply that came whole. */
  readonly chunks: number;
  /** The backend's own error, in a body or an error frame. */
  readonly error?: { readonly message: string; readonly type: string | undefined };
}

export interface ExchangeEnd {
  readonly outcome: Outcome;
  /** What went wrong, in words, when the outcome is not `completed`. */
  readonly reason: string | undefined;
  /** Low-cardinality error class: backend's `error.type`, status, errno code or our own word. Undefined on success. */
  readonly errorType: string | undefined;
  /** Status the client got; undefined when it got none. */
  readonly status: number | undefined;
  /** Whether the reply was an event stream. */
  readonly streamed: boolean;
  /** Milliseconds since `ExchangeStart.at`, from the monotonic clock; undefined where it never happened. */
  readonly durationMs: number;
  /** Request body handed to the backend's socket in full. */
  readonly upstreamSentMs: number | undefined;
  readonly firstByteMs: number | undefined;
  /** First SSE frame with data. */
  readonly firstChunkMs: number | undefined;
  /** First frame with content, reasoning or a tool call: the head comes earlier (FACTS: sent when the slot starts). */
  readonly firstTokenMs: number | undefined;
  readonly lastTokenMs: number | undefined;
  /** Last byte of the backend's reply. */
  readonly upstreamEndMs: number | undefined;
  /** Time the sidecar itself added: head complete to request dispatched, plus first upstream byte to first byte written. */
  readonly overheadMs: number;
  /** Attempts at the backend; more than 1 after a dead pooled connection. */
  readonly attempts: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly summary: Summary;
  readonly notes: readonly FixNote[];
  /** Milliseconds each fix that changed something spent on this exchange: its share of its engine's time. */
  readonly fixMs?: Readonly<Record<string, number>>;
  /** Context size of one slot, in tokens, from `/props`. */
  readonly contextTotal: number | undefined;
  /** True when recorded bytes are known to be incomplete. */
  readonly truncated: boolean;
}
