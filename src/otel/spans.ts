import type { Attributes, Context, Span, SpanOptions, Tracer } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";

/** Starts spans and gives them attributes. */
export interface Spans {
  start(name: string, options: Pick<SpanOptions, "kind" | "startTime">, attributes: Attributes, parent: Context): Span;
  describe(span: Span, attributes: Attributes): void;
}

/** Makes the Spans of a tracer. */
export type SpansOf = (tracer: Tracer) => Spans;

/** Through the SDK, for its samplers, which look at a new span's attributes, and its limits. */
export const checkedSpans: SpansOf = (tracer) => ({
  start: (name, options, attributes, parent) => tracer.startSpan(name, { ...options, attributes }, parent),
  describe: (span, attributes) => void span.setAttributes(attributes),
});

/**
 * Straight into the span, undefined ones left out. The SDK checks every value for cycles, each with a WeakSet made for it,
 * and those at a span's start twice: more than the rest of a span costs. Ours are strings, numbers, booleans and lists.
 */
export const plainSpans: SpansOf = (tracer) => ({
  start(name, options, attributes, parent) {
    const span = tracer.startSpan(name, options, parent);
    assign(span, attributes);
    return span;
  },
  describe: assign,
});

function assign(span: Span, attributes: Attributes): void {
  // Neither a span that is not sampled nor one that has ended.
  if (!span.isRecording()) return;
  const own = (span as Span & ReadableSpan).attributes;
  for (const name in attributes) {
    const value = attributes[name];
    if (value !== undefined) own[name] = value;
  }
}
