import { context, logs, metrics, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import { detectResources, envDetector, serviceInstanceIdDetector, type Resource } from "@opentelemetry/resources";
import { LoggerProvider, type LogRecordProcessor } from "@opentelemetry/sdk-logs";
import { MeterProvider, type IMetricReader, type ViewOptions } from "@opentelemetry/sdk-metrics";
import { TracerProvider, type SpanProcessor } from "@opentelemetry/sdk-trace";
import type { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import type { Settings } from "./settings.ts";

/** What the providers are made with, however they are made. */
export interface ProviderParts {
  readonly resource: Resource;
  readonly spanProcessors: SpanProcessor[];
  readonly logRecordProcessors: LogRecordProcessor[];
  readonly metricReaders: IMetricReader[];
  readonly views: ViewOptions[];
  readonly instrumentation: UndiciInstrumentation;
}

/** Flushes and ends the providers. */
export type Shutdown = () => Promise<void>;

/**
 * Registers tracing, metrics and logs with the API, and says how to end them.
 *
 * Three ways, because sdk-node brings gRPC, Zipkin and Prometheus along, which nobody here uses. It is
 * loaded, and never built in, only when the environment asks for what it alone knows: samplers,
 * propagators, limits and detectors by name, or a declarative configuration.
 */
export async function startProviders(settings: Settings, parts: ProviderParts): Promise<Shutdown> {
  if (settings.configFile !== undefined) {
    const { startNodeSdk } = await import("@opentelemetry/sdk-node");
    const sdk = startNodeSdk({ instrumentations: [parts.instrumentation] });
    return () => sdk.shutdown();
  }
  if (settings.needsNodeSdk) {
    const { NodeSDK } = await import("@opentelemetry/sdk-node");
    const sdk = new NodeSDK({
      resource: parts.resource,
      ...(settings.ownDetectors ? { resourceDetectors: detectors() } : {}),
      spanProcessors: parts.spanProcessors,
      logRecordProcessors: parts.logRecordProcessors,
      metricReaders: parts.metricReaders,
      views: parts.views,
      instrumentations: [parts.instrumentation],
    });
    sdk.start();
    return () => sdk.shutdown();
  }
  return registerProviders(settings, parts);
}

function registerProviders(settings: Settings, parts: ProviderParts): Shutdown {
  const resource = parts.resource.merge(detectResources({ detectors: detectors() }));
  const manager = new AsyncLocalStorageContextManager();
  context.setGlobalContextManager(manager.enable());
  propagation.setGlobalPropagator(new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }));
  const meters = new MeterProvider({ resource, views: parts.views, readers: parts.metricReaders, sdkMetricsEnabled: settings.sdkMetrics });
  const selfObs = settings.sdkMetrics ? { meterProvider: meters } : {};
  const tracers = new TracerProvider({ resource, spanProcessors: parts.spanProcessors, ...selfObs });
  const loggers = new LoggerProvider({ resource, processors: parts.logRecordProcessors, ...selfObs });
  metrics.setGlobalMeterProvider(meters);
  trace.setGlobalTracerProvider(tracers);
  logs.setGlobalLoggerProvider(loggers);
  return async () => {
    await Promise.all([tracers.shutdown(), loggers.shutdown(), meters.shutdown()]);
  };
}

/** The default set also tells command line, owner and host. */
function detectors() {
  return [serviceInstanceIdDetector, envDetector];
}
