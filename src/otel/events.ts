import { SeverityNumber, type Attributes, type Context, type Logger } from "@opentelemetry/api";
import type { ExchangeEnd, ExchangeStart } from "../core/exchange.ts";
import { fixOutcome } from "./reply.ts";
import { EVENTS, GEN_AI, LLAMA_PROXY } from "./semconv.ts";

/** Longest message on an exception event. */
const MAX_MESSAGE = 1000;

/** One event per change that a fix made, gave up, or failed at. */
export function emitFixes(logger: Logger, around: Context, start: ExchangeStart, model: string | undefined, end: ExchangeEnd): void {
  for (const note of end.notes) {
    const outcome = fixOutcome(note);
    if (outcome === undefined) continue;
    logger.emit({
      eventName: EVENTS.fixApplied,
      severityNumber: SeverityNumber.INFO,
      context: around,
      attributes: {
        [LLAMA_PROXY.fixName]: note.fix,
        [LLAMA_PROXY.fixOutcome]: outcome,
        [LLAMA_PROXY.fixTarget]: note.target,
        [LLAMA_PROXY.requestId]: start.id,
        [GEN_AI.requestModel]: model,
      },
    });
  }
}

export function emitException(logger: Logger, around: Context, start: ExchangeStart, type: string, message: string): void {
  logger.emit({
    eventName: EVENTS.exception,
    severityNumber: SeverityNumber.WARN,
    context: around,
    attributes: { "exception.type": type, "exception.message": message.slice(0, MAX_MESSAGE), [LLAMA_PROXY.requestId]: start.id },
  });
}

/** The call with its content, for those who asked for content as events: the span's attributes of the GenAI namespace. */
export function emitDetails(logger: Logger, around: Context, attributes: Attributes): void {
  const kept = Object.entries(attributes).filter(
    ([name]) => name === LLAMA_PROXY.requestId || !(name.startsWith("llama_proxy.") || name.startsWith("llamacpp.")),
  );
  logger.emit({
    eventName: EVENTS.details,
    severityNumber: SeverityNumber.INFO,
    context: around,
    attributes: Object.fromEntries(kept),
  });
}
