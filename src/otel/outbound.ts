import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { ROOT_CONTEXT, type MeterProvider, type Tracer, type TracerProvider } from "@opentelemetry/api";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { ATTR_HTTP_REQUEST_METHOD_ORIGINAL, ATTR_URL_FULL, ATTR_URL_QUERY } from "@opentelemetry/semantic-conventions";
import { AttemptSpan } from "./attempts.ts";
import { attemptsNow } from "./exchange-context.ts";
import type { SpansOf } from "./spans.ts";

/** What undici tells about a request that failed. */
interface Failed {
  readonly request: object;
  readonly error: { readonly name?: string; readonly code?: string };
}

export interface Outbound {
  readonly instrumentation: UndiciInstrumentation;
  /** Gives the instrumentation what it makes spans and its metric with, when the SDK is there. */
  provide(tracers: TracerProvider, meters: MeterProvider): void;
  stop(): void;
}

/**
 * The http.client spans: undici's instrumentation, for dispatches inside `tap.enter` only, with
 * what it gets wrong put right here and in AttemptSpan. It keeps the query in `url.full`, sets `http.request.method_original`
 * always, writes a span event where the contract has a log record, ends and measures an aborted request as if it
 * had gone well, and takes an error's name for its type where it has no code.
 */
export function instrumentUndici(spansOf: SpansOf): Outbound {
  const spans = new WeakMap<object, AttemptSpan>();

  // Subscribed before the instrumentation, so that the span is still open.
  const onError = (message: unknown) => {
    const { request, error } = message as Failed;
    if (error.name !== "AbortError") return;
    spans.get(request)?.failed(error.code === undefined || error.code === "UND_ERR_ABORTED" ? "client_closed" : error.code);
  };
  subscribe("undici:request:error", onError);

  const instrumentation = new UndiciInstrumentation({
    ignoreRequestHook: () => attemptsNow() === undefined,
    startSpanHook: (request) => ({
      [ATTR_URL_FULL]: `${request.origin}${request.path.split("?", 1)[0]}`,
      [ATTR_URL_QUERY]: undefined,
      [ATTR_HTTP_REQUEST_METHOD_ORIGINAL]: undefined,
    }),
    requestHook: (span, request) => {
      if (!(span instanceof AttemptSpan)) return;
      spans.set(request, span);
      attemptsNow()?.push(span);
    },
  });

  function attemptTracer(tracer: Tracer): Tracer {
    const made = spansOf(tracer);
    const startSpan: Tracer["startSpan"] = (name, { attributes = {}, ...options } = {}, parent = ROOT_CONTEXT) =>
      new AttemptSpan(made.start(name, options, attributes, parent), made, attributes);
    return { startSpan, startActiveSpan: tracer.startActiveSpan.bind(tracer) };
  }

  return {
    instrumentation,
    provide(tracers, meters) {
      instrumentation.setTracerProvider({ getTracer: (...scope) => attemptTracer(tracers.getTracer(...scope)) });
      instrumentation.setMeterProvider(meters);
    },
    stop() {
      instrumentation.disable();
      unsubscribe("undici:request:error", onError);
    },
  };
}
