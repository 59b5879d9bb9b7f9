import type { TelemetryOptions } from "../../src/otel/options.ts";

/** Telemetry that sends to `endpoint` and reads nothing of this process's environment. */
export function optionsFor(endpoint: string, more: Partial<TelemetryOptions> = {}): TelemetryOptions {
  return { env: {}, endpoint, serviceVersion: "0.0.0-test", backend: { address: "127.0.0.1", port: 8080 }, ...more };
}
