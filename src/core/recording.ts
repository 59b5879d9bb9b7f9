import type { FixNote } from "./exchange.ts";
import type { RequestMetrics } from "./metrics.ts";
import type { RawHeaders } from "../wire/headers.ts";

/** One exchange as a list shows it: no bodies. Times are Unix milliseconds. */
export interface RecordedExchange {
  readonly id: string;
  readonly startedAt: number;
  readonly method: string;
  readonly path: string;
  readonly route: string;
  readonly dialect: string | undefined;
  readonly session: string | undefined;
  /** Null until the exchange has ended; `interrupted` when the sidecar died before it did. */
  readonly outcome: string;
  readonly reason: string | undefined;
  readonly errorType: string | undefined;
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly truncated: boolean;
  readonly metrics: Omit<RequestMetrics, "outcome">;
}

/** A piece of a reply: an SSE frame, or a piece of any other body. */
export interface RecordedPiece {
  readonly seq: number;
  /** Milliseconds since the exchange began, microsecond resolution. */
  readonly atMs: number;
  readonly upstream: Uint8Array;
  /** What the client got for it: `upstream` itself when nothing changed. */
  readonly sent: Uint8Array;
}

/** Everything that was kept of one exchange. */
export interface Recording extends RecordedExchange {
  readonly request: {
    readonly headers: RawHeaders;
    readonly body: Uint8Array;
    /** What was forwarded: `body` itself when no request fix changed it. */
    readonly forwarded: Uint8Array;
  };
  readonly response:
    | {
        readonly status: number;
        readonly headers: RawHeaders;
        /** True when the pieces are SSE frames. */
        readonly framed: boolean;
        readonly pieces: readonly RecordedPiece[];
      }
    | undefined;
  /** llama-server's `timings`, as the deltas read them, and what else of the end is not a metric. */
  readonly details: Readonly<Record<string, unknown>>;
  readonly notes: readonly FixNote[];
}
