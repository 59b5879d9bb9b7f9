import type { IncomingMessage, ServerResponse } from "node:http";
import type { Dialect } from "../dialects/dialect.ts";
import { openaiErrorBody } from "../dialects/openai.ts";
import type { Outcome } from "../core/exchange.ts";

/** What a client is told when the sidecar, not llama-server, ends the exchange. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
  /** `error.type` of the body; also where a client can see that it was not the model. */
  readonly type: string;
}

export interface Failure {
  readonly outcome: Exclude<Outcome, "completed" | "client-gone">;
  /** Node or undici error code, where there is one. */
  readonly code: string | undefined;
  readonly detail: string;
}

/** The client showed none of the proxy's keys; llama-server's own words for its status. */
export const KEY_MISSING: Refusal = {
  status: 401,
  type: "authentication_error",
  message: "llama-proxy: Invalid API Key. Send one of the proxy's keys as `Authorization: Bearer KEY` or `x-api-key: KEY`.",
};

/** The words for a failure: what is wrong, and the cure. */
export function refusalOf(failure: Failure, origin: URL, timeoutMs: number): Refusal {
  const backend = origin.origin;
  switch (failure.outcome) {
    case "upstream-refused":
      return {
        status: 502,
        type: "upstream_refused",
        message: `llama-proxy: no answer from llama-server at ${backend} (${failure.detail}). Is it running there? Start it, or point the proxy at it with --backend URL; \`llama-proxy test-backend\` checks it.`,
      };
    case "upstream-timeout":
      return {
        status: 504,
        type: "upstream_timeout",
        message: `llama-proxy: llama-server at ${backend} was silent for ${timeoutMs / 1000} s. Raise backend.timeout_seconds if it was still at work.`,
      };
    case "upstream-broke":
      return {
        status: 502,
        type: "upstream_broke",
        message: `llama-proxy: llama-server at ${backend} broke off its reply (${failure.detail}). Its log says why.`,
      };
    case "shutdown":
      return { status: 503, type: "proxy_shutdown", message: "llama-proxy: shutting down. Send the request again." };
    default:
      return {
        status: 500,
        type: "proxy_internal",
        message: `llama-proxy: a fault of the proxy itself (${failure.detail}). Please report it; run with --debug for the stack.`,
      };
  }
}

/** The body in the API's own error shape; OpenAI's where the route is not understood, as llama-server does. */
export function refusalBody(dialect: Dialect | undefined, refusal: Refusal): Buffer {
  const { status, message, type } = refusal;
  return Buffer.from(JSON.stringify(dialect ? dialect.errorBody(status, message, type) : openaiErrorBody(status, message, type)));
}

/** Answers a request that never became an exchange. */
export function answerRefusal(request: IncomingMessage, response: ServerResponse, dialect: Dialect | undefined, refusal: Refusal): void {
  const body = refusalBody(dialect, refusal);
  // Nobody will read what is still to come of it.
  if (!request.complete) response.shouldKeepAlive = false;
  request.resume();
  response.writeHead(refusal.status, { "content-type": "application/json; charset=utf-8", "content-length": body.length });
  response.end(body);
}

/** Names an error of undici or node. `replied`: at least one byte of a reply had come. */
export function failureOf(cause: unknown, replied: boolean): Failure {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  const code = codeOf(error);
  const detail = describe(error, code);
  if (code === "UND_ERR_INVALID_ARG" || code === "UND_ERR_NOT_SUPPORTED") return { outcome: "internal", code, detail };
  if (replied || code?.startsWith("HPE_") || code === "UND_ERR_HTTP_PARSER" || code === "UND_ERR_HEADERS_OVERFLOW")
    return { outcome: "upstream-broke", code, detail };
  return { outcome: "upstream-refused", code, detail };
}

/** The connection was lost without a byte of reply: what a dead pooled connection looks like. */
export function isLostConnection(cause: unknown): boolean {
  const code = cause instanceof Error ? codeOf(cause) : undefined;
  return code === "UND_ERR_SOCKET" || code === "ECONNRESET" || code === "EPIPE";
}

/** Why we hang up on the backend; the code is the `error.type` of its http.client span. */
export function hangUp(outcome: Outcome, replied: boolean): Error {
  const silence = replied ? "UND_ERR_BODY_TIMEOUT" : "UND_ERR_HEADERS_TIMEOUT";
  const code = outcome === "client-gone" ? "client_closed" : outcome === "upstream-timeout" ? silence : "_OTHER";
  return Object.assign(new Error(`exchange over: ${outcome}`), { code });
}

function codeOf(error: Error): string | undefined {
  if ("code" in error && typeof error.code === "string") return error.code;
  // undici gives its parser's errors no code.
  if (error.name === "HTTPParserError") return "UND_ERR_HTTP_PARSER";
  return error.cause instanceof Error ? codeOf(error.cause) : undefined;
}

function describe(error: Error, code: string | undefined): string {
  if (error instanceof AggregateError) {
    const first: unknown = error.errors[0];
    return first instanceof Error ? first.message : (code ?? "connection failed");
  }
  return error.message || code || error.name;
}
