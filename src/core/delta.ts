/**
 * What a piece of a reply says, whatever API it came over. Dialects read frames (or whole bodies)
 * into deltas; fixes look at deltas; dialects write changed deltas back.
 *
 * `choice` is the choice index (0 where the API has none). `tool` names a call within its choice:
 * the wire's own index where it has one (chat), else the order of opening from 0. A fix that makes
 * calls of its own gives them numbers above every number seen, and renumbers what would collide.
 */
export type Delta =
  | { readonly kind: "text"; readonly choice: number; readonly text: string }
  | { readonly kind: "reasoning"; readonly choice: number; readonly text: string }
  | ToolOpen
  | ToolArgs
  /** No more arguments for this call. Made up by the reader where the API never says so (chat: before `finish`). */
  | { readonly kind: "tool-close"; readonly choice: number; readonly tool: number }
  /** `reason` in the API's own word: stop, length, tool_calls, end_turn, tool_use, max_tokens … */
  | { readonly kind: "finish"; readonly choice: number; readonly reason: string }
  | { readonly kind: "usage"; readonly usage: Usage }
  | { readonly kind: "timings"; readonly timings: Timings }
  /** Facts about the reply as a whole; any of them may come more than once, the last one counts. */
  | {
      readonly kind: "meta";
      readonly id?: string;
      readonly model?: string;
      readonly fingerprint?: string;
      readonly stopType?: string;
      readonly slot?: number;
    }
  | { readonly kind: "error"; readonly message: string; readonly type: string | undefined }
  /** The API's own end mark: `[DONE]`, `message_stop`, `response.completed`, `"stop":true`. */
  | { readonly kind: "done" };

export interface ToolOpen {
  readonly kind: "tool-open";
  readonly choice: number;
  readonly tool: number;
  /** Empty where the wire gave none. */
  readonly id: string;
  readonly name: string;
}

/** A piece of a call's arguments: JSON text, cut anywhere. */
export interface ToolArgs {
  readonly kind: "tool-args";
  readonly choice: number;
  readonly tool: number;
  readonly text: string;
}

/** Token counts as the backend reported them; a count it did not report is absent, never zero. */
export interface Usage {
  /** Prompt tokens, cached ones included, in every dialect. */
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  readonly cachedTokens?: number;
  readonly reasoningTokens?: number;
}

/** llama-server's `timings` object (server_slot_stats::to_json), times in milliseconds. */
export interface Timings {
  readonly cacheN?: number;
  readonly promptN?: number;
  readonly promptMs?: number;
  readonly predictedN?: number;
  readonly predictedMs?: number;
  readonly draftN?: number;
  readonly draftNAccepted?: number;
}

/** A tool the request offers. `parameters` is its JSON Schema as sent; undefined where none was given. */
export interface Tool {
  readonly name: string;
  readonly parameters: unknown;
}

/** What the sidecar needs to know of a request. */
export interface RequestView {
  readonly model: string | undefined;
  readonly stream: boolean;
  readonly tools: readonly Tool[];
  /** `tool_choice: "none"` and the like: the request forbids calls though it lists tools. */
  readonly toolsForbidden: boolean;
  /** undefined where the request does not say. */
  readonly parallelToolCalls: boolean | undefined;
  /** The conversation the body names (metadata, prompt_cache_key …); headers are read elsewhere. */
  readonly conversation: string | undefined;
  /** The parsed body, for those who need a field that no other member names. */
  readonly body: unknown;
}
