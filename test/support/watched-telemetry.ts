import { basename } from "node:path";
import { propagation } from "@opentelemetry/api";
import type { Vocabulary } from "../../src/otel/options.ts";
import { startTelemetry } from "../../src/otel/telemetry.ts";
import { checkExchanges } from "./exchange-spans.ts";
import { checkTelemetry } from "./otlp-checker.ts";
import { startOtlpReceiver } from "./otlp-receiver.ts";
import type { Seen } from "./sidecar.ts";
import { optionsFor } from "./telemetry-options.ts";
import type { Watched } from "./watch.ts";

export interface WatchedTelemetry extends AsyncDisposable {
  attach(seen: readonly Seen[]): Watched;
  /** What is wrong with what was exported since the last call. While a sidecar still runs nothing is looked at. */
  findings(): Promise<string[]>;
}

const VOCABULARIES: readonly Vocabulary[] = ["1.41", "latest", "both"];
const PROTOCOLS = ["http/json", "http/protobuf"] as const;

/** Exports go out when they are asked for, not in the middle of a test that counts sockets. */
const ONLY_WHEN_FLUSHED = {
  OTEL_BSP_SCHEDULE_DELAY: "1000000000",
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "8192",
  OTEL_BLRP_SCHEDULE_DELAY: "1000000000",
  OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: "8192",
};

/** One SDK for all tests of a file: its providers are the process's. Vocabulary and protocol go by the length of the file's name. */
export async function startWatchedTelemetry(file: string): Promise<WatchedTelemetry> {
  const turn = basename(file).length;
  const vocabulary = VOCABULARIES[turn % VOCABULARIES.length] ?? "1.41";
  const receiver = await startOtlpReceiver();
  const telemetry = await startTelemetry(
    optionsFor(receiver.url, {
      env: ONLY_WHEN_FLUSHED,
      exportIntervalMs: 1_000_000_000,
      semconv: vocabulary,
      protocol: PROTOCOLS[turn % PROTOCOLS.length] ?? "http/json",
    }),
  );
  // Tests compare what reaches the backend byte by byte; test/otel has those that want a traceparent there.
  propagation.disable();

  const running = new Set<readonly Seen[]>();
  const over: Seen[] = [];
  return {
    attach(seen) {
      running.add(seen);
      return {
        sink: telemetry,
        stopped() {
          if (running.delete(seen)) over.push(...seen);
        },
      };
    },
    async findings() {
      if (running.size > 0 || over.length === 0) return [];
      const exchanges = over.splice(0);
      await telemetry.flush();
      const { received } = receiver;
      const spans = received.spans.splice(0);
      const logs = received.logs.splice(0);
      return [...checkTelemetry({ spans, logs, metrics: received.metrics }, { vocabulary }), ...checkExchanges(exchanges, spans)];
    },
    async [Symbol.asyncDispose]() {
      await telemetry[Symbol.asyncDispose]();
      await receiver[Symbol.asyncDispose]();
    },
  };
}
