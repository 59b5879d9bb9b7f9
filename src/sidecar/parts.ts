import type { Clock } from "../core/clock.ts";
import type { ExchangeSink } from "../core/sink.ts";
import type { FixPlan } from "../fixes/fix.ts";
import type { ContextWatch } from "./context.ts";
import type { Door } from "./door.ts";
import type { Upstream } from "./upstream.ts";

export interface Limits {
  /** Largest request body that is understood, in bytes; a larger one is relayed unread. */
  readonly requestBytes: number;
  /** Largest whole reply that is understood, in bytes. */
  readonly replyBytes: number;
  /** Largest SSE frame that is read, in bytes. */
  readonly frameBytes: number;
  /** Longest silence of the backend, in milliseconds. */
  readonly timeoutMs: number;
}

/** What an exchange runs on. An exchange keeps the parts it began with when the configuration changes. */
export interface RelayParts {
  readonly upstream: Upstream;
  readonly plan: FixPlan;
  readonly sink: ExchangeSink;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly context: ContextWatch;
  /** Telemetry injects a traceparent of its own into this exchange, so the client's must not be forwarded beside it. */
  readonly tracing: (exchangeId: string) => boolean;
  /** Keep request bodies of pass-through routes for the recorder. */
  readonly recordAll: boolean;
  /** Who may ask, and with which credentials the backend is asked. */
  readonly door: Door;
}

/** What the sidecar runs on; replaced as a whole when the configuration is applied anew. */
export interface SidecarParts extends RelayParts {
  /** What the recorder, telemetry and others add to `/_llama-proxy/status`. */
  readonly status: () => Record<string, unknown>;
  /** Prometheus text for `/_llama-proxy/metrics`; without it the route is off. */
  readonly metrics?: (() => Promise<string | undefined>) | undefined;
  /** Applies the configuration anew, for `POST /_llama-proxy/reload`; without it the route is off. */
  readonly reload?: (() => Promise<ReloadReport>) | undefined;
}

/** What became of a reload. */
export interface ReloadReport {
  readonly applied: boolean;
  /** Keys that changed but are used only at a start. */
  readonly needsRestart: readonly string[];
  /** Why it was refused; the old configuration stays. */
  readonly problem: string | undefined;
}
