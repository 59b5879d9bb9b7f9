import type { ExchangeEnd, Outcome } from "../core/exchange.ts";

/** Our own words where nobody else had one: neither llama-server, nor HTTP, nor an errno. */
const WORDS: Readonly<Record<Outcome, string>> = {
  completed: "_OTHER",
  "client-gone": "client_closed",
  "upstream-refused": "ECONNREFUSED",
  "upstream-timeout": "UND_ERR_BODY_TIMEOUT",
  "upstream-broke": "upstream_closed",
  shutdown: "_OTHER",
  internal: "_OTHER",
};

/** The spelling of an errno or undici code, an HTTP status, or one of our words: bounded, fit for metrics. */
const BOUNDED = /^(?:[1-5]\d\d|E[A-Z0-9]+|UND_ERR_[A-Z_]+|HPE_[A-Z_]+|client_closed|upstream_closed|invalid_frame|_OTHER)$/;

/** llama-server's `error.type` words (format_error_response, tools/server). */
const BACKEND_TYPES: ReadonlySet<string> = new Set([
  "invalid_request_error",
  "authentication_error",
  "not_found_error",
  "server_error",
  "permission_error",
  "not_supported_error",
  "unavailable_error",
  "exceed_context_size_error",
]);

/**
 * `error.type` of the GenAI call; undefined when it went well. The first that applies:
 * llama-server's own type, the backend's HTTP status, an errno or undici code, our word.
 */
export function callError(end: ExchangeEnd, backendStatus: number | undefined): string | undefined {
  const refused = backendStatus !== undefined && backendStatus >= 400;
  if (end.outcome === "completed" && !refused && !end.summary.error) return undefined;
  const type = end.summary.error?.type;
  if (type !== undefined && BACKEND_TYPES.has(type)) return type;
  if (refused) return String(backendStatus);
  if (end.outcome === "completed") return "_OTHER";
  return ownWord(end);
}

/** `error.type` of the inbound request: only for a status of 500 and above, or a reply that was cut. */
export function requestError(end: ExchangeEnd): string | undefined {
  const failed = end.status !== undefined && end.status >= 500;
  const cut = end.outcome !== "completed" && (end.status === undefined || end.status < 400);
  if (!failed && !cut) return undefined;
  const type = end.summary.error?.type;
  if (type !== undefined && BACKEND_TYPES.has(type)) return type;
  return failed ? String(end.status) : ownWord(end);
}

/** What went wrong in a code's spelling or a word of ours, whatever the backend called it. */
export function ownWord(end: ExchangeEnd): string {
  if (end.errorType !== undefined && BOUNDED.test(end.errorType)) return end.errorType;
  // Silence before the head and silence after it are two things to undici's timeouts, too.
  if (end.outcome === "upstream-timeout" && end.firstByteMs === undefined) return "UND_ERR_HEADERS_TIMEOUT";
  return WORDS[end.outcome];
}

/** `error.type` as somebody else found it: kept if it is a code or a status, else `_OTHER`. */
export function boundedError(value: unknown): string {
  return typeof value === "string" && BOUNDED.test(value) ? value : "_OTHER";
}

export type StreamEnd =
  | "completed"
  | "client_closed"
  | "upstream_closed"
  | "upstream_error"
  | "idle_timeout"
  | "invalid_frame"
  | "proxy_shutdown"
  | "proxy_internal";

/** How an event stream ended. What the sidecar itself cut is named as in the error frame that the client gets. */
export function streamEnd(end: ExchangeEnd): StreamEnd {
  switch (end.outcome) {
    case "completed":
      return end.summary.error ? "upstream_error" : "completed";
    case "client-gone":
      return "client_closed";
    case "upstream-timeout":
      return "idle_timeout";
    case "upstream-broke":
    case "upstream-refused":
      return end.errorType === "invalid_frame" ? "invalid_frame" : "upstream_closed";
    case "shutdown":
      return "proxy_shutdown";
    case "internal":
      return "proxy_internal";
  }
}
