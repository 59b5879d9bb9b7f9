import type { Delta, RequestView } from "../core/delta.ts";
import type { Frame } from "../wire/frame.ts";

/**
 * Everything one API of llama-server needs: how to read a request and a reply into neutral facts,
 * and how to write changed facts back. Pure: no I/O, no clock, no randomness.
 */
export interface Dialect {
  /** `llama_proxy.api.type` in the telemetry contract, e.g. `openai.chat_completions`. */
  readonly name: string;
  /** Paths of its POST routes. */
  readonly routes: readonly string[];
  readonly operation: "chat" | "text_completion" | "embeddings" | "rerank";
  /** Whether replies can carry tool calls, so that the tool fixes apply. */
  readonly tools: boolean;
  /** Never throws: a body that is not what the API expects gives a view with what could be read. */
  readRequest(body: unknown): RequestView;
  /** One per stream: reads every message in order, and writes those that a fix changed. */
  codec(request: RequestView): StreamCodec;
  /** A reply that came whole (status 2xx or an error body), as deltas. */
  readDocument(body: unknown): readonly Delta[];
  /**
   * The body with `deltas` in place of what `readDocument` gave for it; fields that no delta speaks
   * of stay. `body` was read with `parseExact`; the result is written with JSON.stringify.
   */
  writeDocument(body: unknown, deltas: readonly Delta[]): unknown;
  /** What a client of this API understands as "the stream failed". */
  errorFrame(message: string, type: string): Frame;
  errorBody(status: number, message: string, type: string): unknown;
}

/** A frame with its JSON read once. `payload` is undefined for `[DONE]`, comments and what is not JSON. */
export interface Message {
  readonly frame: Frame;
  readonly payload: unknown;
}

export interface StreamCodec {
  /** What the message says, in the order it says it. Called once for every message. Never throws. */
  read(message: Message): readonly Delta[];
  /**
   * Frames that say `deltas` in place of what `read` gave for `like`, the message read last. The
   * envelope and unknown fields of `like` go into the first frame, or into the last where `like` ends a
   * choice (usage and timings stay beside the finish); the others carry the envelope's identity (id,
   * model, created) only. `[]` when nothing is left to say: all deltas are
   * held or dropped, and the message carries nothing else (role, usage, timings).
   */
  write(like: Message, deltas: readonly Delta[]): readonly Frame[];
  /**
   * Frames for deltas that no message stands for: what fixes release when the stream ends without
   * an end mark. `like` is the last message that was read.
   */
  append(like: Message | undefined, deltas: readonly Delta[]): readonly Frame[];
  /**
   * True when what was written so far makes every later message need writing too, though no fix
   * changes it (Messages: block indexes after an inserted block).
   */
  dirty(): boolean;
}
