import { SpanStatusCode, type Attributes, type AttributeValue, type Span, type SpanStatus, type TimeInput } from "@opentelemetry/api";
import { ATTR_ERROR_TYPE } from "@opentelemetry/semantic-conventions";
import { boundedError } from "./errors.ts";
import type { Spans } from "./spans.ts";

/** The http.client spans of one exchange. */
export type Attempts = AttemptSpan[];

/**
 * The span of one request to the backend, as undici's instrumentation uses it. `measured` are the attributes that the
 * instrumentation keeps for its metric: an error is written there, too.
 */
export class AttemptSpan implements Span {
  readonly #span: Span;
  readonly #spans: Spans;
  readonly #measured: Attributes;

  constructor(span: Span, spans: Spans, measured: Attributes) {
    this.#span = span;
    this.#spans = spans;
    this.#measured = measured;
  }

  /** `error.type` is bounded: the instrumentation takes an error's name where it has no code. */
  failed(error: unknown): void {
    const type = boundedError(error);
    this.#measured[ATTR_ERROR_TYPE] = type;
    if (!this.#span.isRecording()) return;
    this.#span.setAttribute(ATTR_ERROR_TYPE, type);
    this.#span.setStatus({ code: SpanStatusCode.ERROR });
  }

  /**
   * Ends it if it is still open: undici tells the end of a request that waits for a connection only when the
   * connection is there or has failed, long after the exchange is over. `at` is Unix time in milliseconds.
   */
  giveUp(error: string, at: number): void {
    if (!this.#span.isRecording()) return;
    this.failed(error);
    this.#span.end(at);
  }

  spanContext() {
    return this.#span.spanContext();
  }

  isRecording(): boolean {
    return this.#span.isRecording();
  }

  setAttribute(key: string, value: AttributeValue): this {
    if (key === ATTR_ERROR_TYPE) this.failed(value);
    else this.#spans.describe(this.#span, { [key]: value });
    return this;
  }

  setAttributes(attributes: Attributes): this {
    if (this.#span.isRecording()) this.#spans.describe(this.#span, attributes);
    return this;
  }

  setStatus(status: SpanStatus): this {
    if (this.#span.isRecording()) this.#span.setStatus(status);
    return this;
  }

  /** What comes after `giveUp` would be a complaint of the SDK about an ended span. */
  end(at?: TimeInput): void {
    if (this.#span.isRecording()) this.#span.end(at);
  }

  updateName(): this {
    return this;
  }

  /** The contract has a log record (events.ts) instead of a span event. */
  recordException(): void {}

  addEvent(): this {
    return this;
  }

  addLink(): this {
    return this;
  }

  addLinks(): this {
    return this;
  }
}
