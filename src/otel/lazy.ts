import type { TelemetrySink } from "./options.ts";

/**
 * Telemetry that is still being loaded: the sidecar listens first, because loading the SDK takes
 * up to 0.1 s. Exchanges that begin before it is there are not measured; nothing is queued.
 * This file loads no OpenTelemetry package.
 *
 * `load` runs at once. When it fails, `onFailure` is told and telemetry stays off for good.
 */
export function createLazyTelemetry(
  load: () => Promise<TelemetrySink>,
  onFailure: (cause: unknown) => void,
): TelemetrySink & {
  /** Settles when the SDK is there or has failed to load. Never rejects. */
  readonly ready: Promise<void>;
} {
  let sink: TelemetrySink | undefined;
  let failed = false;
  const ready = start();

  async function start(): Promise<void> {
    try {
      sink = await load();
    } catch (cause) {
      failed = true;
      onFailure(cause);
    }
  }

  return {
    name: "telemetry",
    ready,
    begin: (exchange) => sink?.begin(exchange),
    state: () => sink?.state() ?? { state: failed ? "failed" : "loading" },
    trace: (exchangeId) => sink?.trace(exchangeId),
    flush: async () => {
      await ready;
      await sink?.flush();
    },
    prometheusText: async () => sink?.prometheusText(),
    [Symbol.asyncDispose]: async () => {
      await ready;
      await sink?.[Symbol.asyncDispose]();
    },
  };
}
