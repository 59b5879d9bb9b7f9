import type { Dialect } from "../dialects/dialect.ts";
import { dialectFor } from "../dialects/index.ts";

/** The one prefix that is ours; everything else on the port belongs to llama-server. */
export const OWN_PREFIX = "/_llama-proxy/";

/** llama-server's routes that are passed through (tools/server/server.cpp), for the bounded `http.route`. */
const PASS_THROUGH_ROUTES: ReadonlySet<string> = new Set([
  "/",
  "/health",
  "/v1/health",
  "/models",
  "/v1/models",
  "/api/tags",
  "/api/show",
  "/props",
  "/slots",
  "/metrics",
  "/v1/chat/completions/control",
  "/v1/messages/count_tokens",
  "/chat/completions/input_tokens",
  "/v1/chat/completions/input_tokens",
  "/responses/input_tokens",
  "/v1/responses/input_tokens",
  "/v1/audio/transcriptions",
  "/audio/transcriptions",
  "/tokenize",
  "/detokenize",
  "/apply-template",
  "/lora-adapters",
  "/v1/stream",
  "/v1/streams/lookup",
  "/tools",
  "/cors-proxy",
  "/models/load",
  "/models/unload",
  "/models/sse",
  "/predict",
]);

export interface Route {
  /** Template, fit for a metric's attribute: never the raw path. `*` for what we do not know. */
  readonly template: string;
  readonly dialect: Dialect | undefined;
}

/** What to do with a request target. Route first: the content type of the reply is looked at only on dialect routes. */
export function routeOf(method: string, target: string): Route {
  const path = pathOf(target);
  const dialect = dialectFor(method, path);
  if (dialect) return { template: path, dialect };
  if (PASS_THROUGH_ROUTES.has(path)) return { template: path, dialect: undefined };
  if (/^\/slots\/\d+$/.test(path)) return { template: "/slots/:id", dialect: undefined };
  // A dialect's path with another method is still a known path.
  if (dialectFor("POST", path)) return { template: path, dialect: undefined };
  return { template: "*", dialect: undefined };
}

/** The path of an origin-form target; an absolute-form target is left to the backend and matches nothing of ours. */
export function pathOf(target: string): string {
  const query = target.indexOf("?");
  return query < 0 ? target : target.slice(0, query);
}
