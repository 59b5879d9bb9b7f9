import { get as httpGet, type IncomingMessage, type ServerResponse } from "node:http";
import { get as httpsGet } from "node:https";
import { finish } from "./later.ts";
import { isLoopback } from "./own-guard.ts";
import type { ReloadReport } from "./parts.ts";
import { OWN_PREFIX, pathOf } from "./routes.ts";

/** What the sidecar says of itself under `/_llama-proxy/`. */
export interface OwnRoutes {
  /** Fields of `status`, asked for at each request. */
  readonly status: () => Record<string, unknown>;
  readonly backend: URL;
  /** Metrics as Prometheus text, undefined while there are none; the member is left out where nobody asked for the route. */
  readonly metrics?: (() => Promise<string | undefined>) | undefined;
  /** Applies the configuration anew; left out where there is none to apply. */
  readonly reload?: (() => Promise<ReloadReport>) | undefined;
  /** Why this request is not to be answered (own-guard.ts). */
  readonly refusal?: string | undefined;
}

const READY_TIMEOUT_MS = 2_000;

/** Answers a request under our prefix. Never reaches the backend, never recorded. */
export function answerOwn(own: OwnRoutes, request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  const path = pathOf(request.url ?? "").slice(OWN_PREFIX.length);
  if (own.refusal !== undefined) {
    answer(response, 403, { error: { code: 403, message: `llama-proxy: ${own.refusal}`, type: "forbidden" } });
    return;
  }
  if (path === "reload") {
    void answerReload(own.reload, request, response);
    return;
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    answer(response, 405, { error: { code: 405, message: `only GET here`, type: "method_not_allowed" } });
    return;
  }
  switch (path) {
    case "live":
      answer(response, 200, { status: "ok" });
      return;
    case "ready":
      void askBackend(own.backend).then((trouble) =>
        trouble === undefined
          ? answer(response, 200, { status: "ok", backend: own.backend.origin })
          : answer(response, 503, { status: "unavailable", backend: own.backend.origin, reason: trouble }),
      );
      return;
    // Who asks for numbers gets those of everything that is over.
    case "status":
      finish();
      answer(response, 200, own.status());
      return;
    case "metrics":
      finish();
      void answerMetrics(own.metrics, response);
      return;
    default:
      answer(response, 404, {
        error: {
          code: 404,
          message: `no such route: ${OWN_PREFIX} has live, ready, status and metrics, and POST reload`,
          type: "not_found_error",
        },
      });
  }
}

/** For programs of this machine only: a key is for asking the model, not for turning the proxy's screws from afar. */
async function answerReload(reload: OwnRoutes["reload"], request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== "POST") {
    answer(response, 405, { error: { code: 405, message: "only POST here", type: "method_not_allowed" } });
    return;
  }
  if (!reload || !isLoopback(request.socket.remoteAddress)) {
    const message = reload ? "reload from the machine the proxy runs on" : "this proxy has no configuration file or environment to reload";
    answer(response, 403, { error: { code: 403, message, type: "forbidden" } });
    return;
  }
  const report = await reload();
  answer(response, report.applied ? 200 : 409, {
    applied: report.applied,
    needs_restart: report.needsRestart,
    ...(report.problem === undefined ? {} : { problem: report.problem }),
  });
}

async function answerMetrics(read: OwnRoutes["metrics"], response: ServerResponse): Promise<void> {
  if (!read) {
    const message = "metrics are pushed over OTLP only; otel.pull: true (or LLAMA_PROXY_OTEL_PULL=true) serves them here";
    answer(response, 404, { error: { code: 404, message, type: "not_found_error" } });
    return;
  }
  const text = await read().catch(() => undefined);
  if (text === undefined) {
    const message = `there are no metrics to read: ${OWN_PREFIX}status says under "telemetry" whether it is loading, off or failed`;
    answer(response, 503, { error: { code: 503, message, type: "unavailable_error" } });
    return;
  }
  send(response, 200, "text/plain; version=0.0.4; charset=utf-8", text);
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, "application/json; charset=utf-8", `${JSON.stringify(body, null, 2)}\n`);
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  const bytes = Buffer.from(text);
  response.writeHead(status, {
    "content-type": type,
    "content-length": bytes.length,
    "cache-control": "no-store",
  });
  response.end(bytes);
}

/** Undefined when `/health` says 200, else what is wrong. `/health` needs no key and disturbs nothing. */
function askBackend(origin: URL): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const get = origin.protocol === "https:" ? httpsGet : httpGet;
  const request = get(new URL("/health", origin), { timeout: READY_TIMEOUT_MS, agent: false }, (response) => {
    response.resume();
    resolve(response.statusCode === 200 ? undefined : `/health answered ${response.statusCode ?? "nothing"}`);
  });
  request.on("timeout", () => request.destroy(new Error(`no answer within ${READY_TIMEOUT_MS / 1000} s`)));
  request.on("error", (cause) => resolve(cause.message || "connection failed"));
  return promise;
}
