import type { RequestView } from "../core/delta.ts";
import { metricsOf } from "../core/metrics.ts";
import type { ExchangeSink } from "../core/sink.ts";
import { formatRequest, type Look, type StatsFormat } from "./format.ts";

export interface StatsLineOptions {
  readonly format: StatsFormat;
  /** Asked for each line: a terminal changes its width. */
  readonly look: () => Look;
  /** Must not block. */
  readonly write: (text: string) => void;
}

/** Prints the metrics of every exchange on an understood route as it ends. */
export function createStatsLine({ format, look, write }: StatsLineOptions): ExchangeSink {
  return {
    name: "stats",
    begin(start) {
      if (start.dialect === undefined) return undefined;
      let view: RequestView | undefined;
      return {
        request(seen) {
          view = seen;
        },
        end(end) {
          const metrics = metricsOf(start, view, end);
          write(formatRequest({ id: start.id, at: start.at, path: start.path, metrics, reason: end.reason }, format, look()));
        },
      };
    },
  };
}
