/** What of a client's head goes on to the backend. */
import type { ExchangeStart } from "../core/exchange.ts";
import { headerOf, withoutHeaders, withoutHopByHop } from "../wire/headers.ts";
import type { RelayParts } from "./parts.ts";

const TRACE_HEADERS: ReadonlySet<string> = new Set(["traceparent", "tracestate", "baggage"]);
/** Node has answered `100 Continue` itself; undici refuses the field. */
const ANSWERED: ReadonlySet<string> = new Set(["expect"]);
const LENGTH: ReadonlySet<string> = new Set(["content-length"]);
const HOST: ReadonlySet<string> = new Set(["host"]);

/** `understood`: the reply is to be read, so it must not come compressed. */
export function forwardedHeaders(parts: RelayParts, start: ExchangeStart, understood: boolean): string[] {
  let headers = withoutHeaders(withoutHopByHop(start.headers), ANSWERED);
  if (parts.tracing(start.id)) headers = withoutHeaders(headers, TRACE_HEADERS);
  headers = parts.door.towardsBackend(headers);
  if (understood) {
    for (let i = 0; i < headers.length; i += 2) if (headers[i]?.toLowerCase() === "accept-encoding") headers[i + 1] = "identity";
  }
  // Certificates and virtual hosts go by the backend's name; a plain llama-server sees the client's.
  return parts.upstream.origin.protocol === "https:" ? withoutHeaders(headers, HOST) : headers;
}

/** undici speaks only origin-form and absolute-form; llama-server answers OPTIONS alike on every path. */
export function targetOf(start: ExchangeStart): string {
  return start.path === "*" ? "/" : start.path;
}

/** For a body that undici has whole: it counts for itself. */
export function withoutLength(headers: string[]): string[] {
  return withoutHeaders(headers, LENGTH);
}

/** The fields that say who asks, for questions of ours on the client's behalf. */
export function credentialsOf(headers: readonly string[]): Record<string, string> {
  const authorization = headerOf(headers, "authorization");
  const key = headerOf(headers, "x-api-key");
  return { ...(authorization ? { authorization } : {}), ...(key ? { "x-api-key": key } : {}) };
}
