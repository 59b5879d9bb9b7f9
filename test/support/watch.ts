import type { ExchangeSink } from "../../src/core/sink.ts";
import type { Seen } from "./sidecar.ts";

/** One more listener of a sidecar under test. */
export interface Watched {
  readonly sink: ExchangeSink;
  /** The sidecar has stopped: all its exchanges have ended. */
  stopped(): void;
}

/** What listens to every sidecar that a test starts. Nothing does in scripts; telemetry-watch.ts sets it in tests. */
export const watch: { start?: (seen: readonly Seen[]) => Promise<Watched> } = {};
