import { createContextKey, SpanStatusCode, type Span } from "@opentelemetry/api";
import { ATTR_ERROR_TYPE } from "@opentelemetry/semantic-conventions";

/** The http.client spans of one exchange. */
export interface Attempts {
  begun(span: Span): void;
  /**
   * Ends those that are still open: undici tells the end of a request that waits for a connection
   * only when the connection is there or has failed, long after the exchange is over.
   * `at` is Unix time in milliseconds.
   */
  giveUp(error: string, at: number): void;
}

/** Holds the Attempts in the context that the dispatch to the backend runs in: the undici instrumentation looks at nothing else. */
export const DISPATCH = createContextKey("llama-proxy.dispatch");

export function createAttempts(): Attempts {
  const spans: Span[] = [];
  return {
    begun: (span) => void spans.push(span),
    giveUp(error, at) {
      for (const span of spans) {
        if (!span.isRecording()) continue;
        span.setAttribute(ATTR_ERROR_TYPE, error);
        span.setStatus({ code: SpanStatusCode.ERROR });
        span.end(at);
        // What the instrumentation still has to say would be a complaint of the SDK about an ended span.
        span.end = () => undefined;
        span.setAttribute = span.setAttributes = span.setStatus = () => span;
      }
    },
  };
}
