import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { context, SpanStatusCode, type Attributes, type Meter, type MeterProvider, type Span } from "@opentelemetry/api";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { ATTR_ERROR_TYPE, ATTR_HTTP_REQUEST_METHOD_ORIGINAL, ATTR_URL_FULL, ATTR_URL_QUERY } from "@opentelemetry/semantic-conventions";
import { DISPATCH, type Attempts } from "./attempts.ts";
import { boundedError } from "./errors.ts";

/** What undici tells about a request that failed. */
interface Failed {
  readonly request: object;
  readonly error: { readonly name?: string; readonly code?: string };
}

export interface Outbound {
  readonly instrumentation: UndiciInstrumentation;
  /** Gives the instrumentation its meters, when the SDK has them. */
  measure(provider: MeterProvider): void;
  stop(): void;
}

/**
 * The http.client spans: undici's instrumentation, for dispatches inside `tap.enter` only, with
 * what it gets wrong put right. It keeps the query in `url.full`, sets `http.request.method_original`
 * always, writes a span event where the contract has a log record, ends an aborted request as if it
 * had gone well, and takes an error's name for its type where it has no code.
 */
export function instrumentUndici(): Outbound {
  const spans = new WeakMap<object, Span>();

  // Subscribed before the instrumentation, so that the span is still open.
  const onError = (message: unknown) => {
    const { request, error } = message as Failed;
    if (error.name !== "AbortError") return;
    const span = spans.get(request);
    span?.setAttribute(ATTR_ERROR_TYPE, error.code === "UND_ERR_ABORTED" ? "client_closed" : (error.code ?? "client_closed"));
    span?.setStatus({ code: SpanStatusCode.ERROR });
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
      spans.set(request, span);
      attemptsNow()?.begun(span);
      span.recordException = () => undefined;
      const set = span.setAttribute.bind(span);
      span.setAttribute = (key, value) => set(key, key === ATTR_ERROR_TYPE ? boundedError(value) : value);
    },
  });

  return {
    instrumentation,
    measure: (provider) => instrumentation.setMeterProvider({ getMeter: (...scope) => withBoundedErrors(provider.getMeter(...scope)) }),
    stop() {
      instrumentation.disable();
      unsubscribe("undici:request:error", onError);
    },
  };
}

/** Of the exchange whose dispatch this is. */
function attemptsNow(): Attempts | undefined {
  return context.active().getValue(DISPATCH) as Attempts | undefined;
}

/** The meter with `error.type` bounded on what its histograms record. */
function withBoundedErrors(meter: Meter): Meter {
  const create: Meter["createHistogram"] = (name, options) => {
    const histogram = meter.createHistogram(name, options);
    return {
      record(value, attributes: Attributes = {}, around) {
        const error = attributes[ATTR_ERROR_TYPE];
        histogram.record(value, error === undefined ? attributes : { ...attributes, [ATTR_ERROR_TYPE]: boundedError(error) }, around);
      },
    };
  };
  return Object.create(meter, { createHistogram: { value: create } }) as Meter;
}
