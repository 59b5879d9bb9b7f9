import type { Attributes } from "@opentelemetry/api";
import {
  ATTR_CLIENT_ADDRESS,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_REQUEST_METHOD_ORIGINAL,
  ATTR_HTTP_ROUTE,
  ATTR_NETWORK_PEER_ADDRESS,
  ATTR_NETWORK_PEER_PORT,
  ATTR_NETWORK_PROTOCOL_VERSION,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  ATTR_URL_PATH,
  ATTR_URL_QUERY,
  ATTR_URL_SCHEME,
  ATTR_USER_AGENT_ORIGINAL,
} from "@opentelemetry/semantic-conventions";
import type { ExchangeStart } from "../core/exchange.ts";
import { headerOf } from "../wire/headers.ts";
import { Facts } from "./facts.ts";
import { LLAMA_PROXY } from "./semconv.ts";

const METHODS: ReadonlySet<string> = new Set(["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"]);

/** The method as it may stand on a metric: an unknown one is `_OTHER`. */
export function methodOf(start: ExchangeStart): string {
  return METHODS.has(start.method) ? start.method : "_OTHER";
}

/** The route's template; undefined when the route is unknown to us (`*`). */
export function routeOf(start: ExchangeStart): string | undefined {
  return start.route === "*" ? undefined : start.route;
}

/** Name of the server span (HTTP conventions: `HTTP` stands for an unknown method). */
export function serverSpanName(start: ExchangeStart): string {
  const method = METHODS.has(start.method) ? start.method : "HTTP";
  const route = routeOf(start);
  return route === undefined ? method : `${method} ${route}`;
}

/** Attributes of the server span that are known when the request's head is. */
export function serverRequest(start: ExchangeStart): Attributes {
  const method = methodOf(start);
  const mark = start.path.indexOf("?");
  const host = hostOf(headerOf(start.headers, "host"));
  return new Facts()
    .add(ATTR_HTTP_REQUEST_METHOD, method)
    .add(ATTR_HTTP_REQUEST_METHOD_ORIGINAL, method === start.method ? undefined : start.method)
    .add(ATTR_HTTP_ROUTE, routeOf(start))
    .add(ATTR_URL_SCHEME, "http")
    .add(ATTR_URL_PATH, mark < 0 ? start.path : start.path.slice(0, mark))
    .add(ATTR_URL_QUERY, mark < 0 ? undefined : withoutSecrets(start.path.slice(mark + 1)))
    .add(ATTR_SERVER_ADDRESS, host?.address)
    .add(ATTR_SERVER_PORT, host?.port)
    .add(ATTR_CLIENT_ADDRESS, headerOf(start.headers, "x-forwarded-for")?.split(",", 1)[0]?.trim() || start.peer.address)
    .add(ATTR_NETWORK_PEER_ADDRESS, start.peer.address)
    .add(ATTR_NETWORK_PEER_PORT, start.peer.port)
    .add(ATTR_NETWORK_PROTOCOL_VERSION, start.httpVersion)
    .add(ATTR_USER_AGENT_ORIGINAL, headerOf(start.headers, "user-agent"))
    .add(LLAMA_PROXY.requestId, start.id).attributes;
}

/** Query parameters that carry credentials keep their name and lose their value. */
function withoutSecrets(query: string): string {
  return query.replace(/(^|&)([^=&]*(?:key|token|secret|password|signature|sig))=[^&]*/gi, "$1$2=REDACTED");
}

function hostOf(host: string | undefined): { address: string; port: number | undefined } | undefined {
  const match = /^(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(host ?? "");
  if (!match?.[1]) return undefined;
  return { address: match[1].replace(/^\[|\]$/g, ""), port: match[2] === undefined ? undefined : Number(match[2]) };
}
