import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { getHeapSpaceStatistics } from "node:v8";
import type { Meter, Observable } from "@opentelemetry/api";
import { ATTR_SERVER_ADDRESS, ATTR_SERVER_PORT } from "@opentelemetry/semantic-conventions";
import { METRICS, type MetricName } from "./catalogue.ts";
import { optionsOf } from "./instruments.ts";
import type { TelemetryOptions } from "./options.ts";
import { LLAMACPP, LLAMA_PROXY } from "./semconv.ts";

/** Sampling period of the event loop's delay. */
const RESOLUTION_MS = 20;
const SERVER_STATES = ["ok", "loading", "unreachable", "error"] as const;

/** Metrics that are read when somebody collects. The result stops the event loop's monitor. */
export function observe(meter: Meter, options: TelemetryOptions): () => void {
  const gauges = options.gauges ?? {};
  const backend = { [ATTR_SERVER_ADDRESS]: options.backend.address, [ATTR_SERVER_PORT]: options.backend.port };

  const utilization = observable(meter, "nodejs.eventloop.utilization");
  const p50 = observable(meter, "nodejs.eventloop.delay.p50");
  const p99 = observable(meter, "nodejs.eventloop.delay.p99");
  const monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  monitor.enable();
  let last = performance.eventLoopUtilization();
  meter.addBatchObservableCallback(
    (result) => {
      const now = performance.eventLoopUtilization();
      result.observe(utilization, performance.eventLoopUtilization(now, last).utilization);
      last = now;
      if (monitor.count === 0) return;
      result.observe(p50, delayOf(monitor.percentile(50)));
      result.observe(p99, delayOf(monitor.percentile(99)));
      monitor.reset();
    },
    [utilization, p50, p99],
  );

  const readRecorder = gauges.recorder;
  if (readRecorder) {
    const records = observable(meter, "llama_proxy.recorder.records");
    const usage = observable(meter, "llama_proxy.recorder.queue.usage");
    const limit = observable(meter, "llama_proxy.recorder.queue.limit");
    const size = observable(meter, "llama_proxy.recorder.db.size");
    const writes = meter.createHistogram("llama_proxy.recorder.write.duration", optionsOf("llama_proxy.recorder.write.duration"));
    meter.addBatchObservableCallback(
      (result) => {
        const stats = readRecorder();
        if (!stats) return;
        for (const outcome of ["written", "dropped", "failed"] as const) {
          result.observe(records, stats[outcome], { [LLAMA_PROXY.recorderOutcome]: outcome });
        }
        result.observe(usage, stats.queueUsage);
        if (stats.queueLimit !== undefined) result.observe(limit, stats.queueLimit);
        if (stats.dbBytes !== undefined) result.observe(size, stats.dbBytes);
        for (const ms of stats.writeMs ?? []) writes.record(ms / 1000);
      },
      [records, usage, limit, size],
    );
  }

  const readSlots = gauges.slots;
  if (readSlots) {
    const usage = observable(meter, "llamacpp.slot.usage");
    const limit = observable(meter, "llamacpp.slot.limit");
    meter.addBatchObservableCallback(
      (result) => {
        const slots = readSlots();
        if (!slots) return;
        result.observe(usage, slots.idle, { ...backend, [LLAMACPP.slotState]: "idle" });
        result.observe(usage, slots.processing, { ...backend, [LLAMACPP.slotState]: "processing" });
        result.observe(limit, slots.limit, backend);
      },
      [usage, limit],
    );
  }

  const readServer = gauges.server;
  if (readServer) {
    observable(meter, "llamacpp.server.status").addCallback((result) => {
      const state = readServer();
      if (state === undefined) return;
      for (const each of SERVER_STATES) result.observe(each === state ? 1 : 0, { ...backend, [LLAMACPP.serverState]: each });
    });
  }

  if (options.heapMetrics) {
    observable(meter, "v8js.memory.heap.used").addCallback((result) => {
      for (const space of getHeapSpaceStatistics()) result.observe(space.space_used_size, { "v8js.heap.space.name": space.space_name });
    });
  }
  return () => monitor.disable();
}

function observable(meter: Meter, name: MetricName): Observable {
  const options = optionsOf(name);
  switch (METRICS[name].instrument) {
    case "counter":
      return meter.createObservableCounter(name, options);
    case "updowncounter":
      return meter.createObservableUpDownCounter(name, options);
    default:
      return meter.createObservableGauge(name, options);
  }
}

/** Seconds beyond the sampling period: node's histogram holds the time between two samples, in nanoseconds. */
function delayOf(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1000);
}
