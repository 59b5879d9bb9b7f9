import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { Pool, type Dispatcher } from "undici";
import { describe, expect, test } from "vitest";
import { startTelemetry } from "../../src/otel/telemetry.ts";
import { endOf, startOf, viewOf } from "../support/exchanges.ts";
import { checkTelemetry, spanType } from "../support/otlp-checker.ts";
import { plain, startOtlpReceiver, type OtlpReceiver } from "../support/otlp-receiver.ts";
import { optionsFor } from "../support/telemetry-options.ts";

/** A backend on loopback that notes the heads it gets. */
async function startBackend(listener: RequestListener) {
  const heads: { headers: IncomingHttpHeaders; raw: string[] }[] = [];
  const server = createServer((request, response) => {
    heads.push({ headers: request.headers, raw: request.rawHeaders });
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    heads,
    port,
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function poolTo(url: string): Pool & AsyncDisposable {
  const pool = new Pool(url);
  return Object.assign(pool, { [Symbol.asyncDispose]: () => pool.destroy() });
}

/** Dispatches as the relay does: handler callbacks, result as `[status, error]`. */
function dispatch(pool: Dispatcher, path: string, abortWith?: Error): Promise<unknown> {
  return new Promise((resolve) => {
    let status: number | undefined;
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(controller) {
        if (abortWith) setTimeout(() => controller.abort(abortWith), 20);
      },
      onResponseStart(_controller, code) {
        status = code;
      },
      onResponseData: () => undefined,
      onResponseEnd: () => resolve(status),
      onResponseError: (_controller, error) => resolve(error),
    };
    pool.dispatch({ path, method: "POST", headers: ["User-Agent", "opencode/1"], body: "{}" }, handler);
  });
}

async function run(
  receiver: OtlpReceiver,
  pool: Dispatcher,
  work: (dispatched: () => Promise<unknown>) => Promise<Parameters<typeof endOf>[0]>,
  start = startOf(),
  path = start.path,
  abortWith?: Error,
): Promise<void> {
  await using telemetry = await startTelemetry(optionsFor(receiver.url));
  const tap = telemetry.begin(start);
  if (start.dialect) tap?.request?.(viewOf({ model: "qwen" }), new Uint8Array());
  const end = await work(() => tap?.enter?.(() => dispatch(pool, path, abortWith)) ?? Promise.reject(new Error("no tap")));
  tap?.end(endOf(end));
  await telemetry.flush();
}

function byType(receiver: OtlpReceiver) {
  return new Map(receiver.received.spans.map((span) => [spanType(span), span]));
}

describe("the http.client span", () => {
  test("hangs on the GenAI span, and llama-server gets exactly one traceparent", async () => {
    await using receiver = await startOtlpReceiver();
    await using backend = await startBackend((_request, response) => response.end("{}"));
    await using pool = poolTo(backend.url);
    const start = startOf({
      path: "/v1/messages?beta=true",
      route: "/v1/messages",
      dialect: "anthropic.messages",
      headers: ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate", "a=1", "baggage", "k=v"],
    });
    await run(receiver, pool, async (dispatched) => (expect(await dispatched()).toBe(200), {}), start);

    const spans = byType(receiver);
    const [server, call, client] = ["http.server", "gen_ai.client.inference", "http.client"].map((type) => spans.get(type));
    expect(server?.parentSpanId).toBe("b7ad6b7169203331");
    expect(call?.parentSpanId).toBe(server?.spanId);
    expect(client?.parentSpanId).toBe(call?.spanId);
    const head = backend.heads[0];
    expect(head?.raw.filter((name) => name.toLowerCase() === "traceparent")).toHaveLength(1);
    expect(head?.headers["traceparent"]).toBe(`00-0af7651916cd43dd8448eb211c80319c-${client?.spanId}-01`);
    expect(head?.headers["tracestate"]).toBe("a=1");
    expect(head?.headers["baggage"]).toBe("k=v");
    expect(plain(client?.attributes ?? {})).toMatchObject({ "url.full": `${backend.url}/v1/messages`, "url.path": "/v1/messages" });
    expect(checkTelemetry(receiver.received, { vocabulary: "1.41" })).toEqual([]);
    expect(receiver.received.metrics.find((metric) => metric.name === "http.client.request.duration")?.points[0]?.bounds?.at(-1)).toBe(600);
  });

  test("hangs on the server span on a pass-through route", async () => {
    await using receiver = await startOtlpReceiver();
    await using backend = await startBackend((_request, response) => response.end("{}"));
    await using pool = poolTo(backend.url);
    await run(
      receiver,
      pool,
      async (dispatched) => (await dispatched(), {}),
      startOf({ dialect: undefined, path: "/props", route: "/props", method: "GET" }),
    );
    const spans = byType(receiver);
    expect(spans.size).toBe(2);
    expect(spans.get("http.client")?.parentSpanId).toBe(spans.get("http.server")?.spanId);
    expect(checkTelemetry(receiver.received, { vocabulary: "1.41" })).toEqual([]);
  });

  test("there is one per attempt, and none for requests that are nobody's exchange", async () => {
    await using receiver = await startOtlpReceiver();
    await using backend = await startBackend((_request, response) => response.end("{}"));
    await using pool = poolTo(backend.url);
    await run(receiver, pool, async (dispatched) => {
      await dispatched();
      await dispatched();
      // A poll of the sidecar's own: no traceparent, no span.
      await dispatch(pool, "/health");
      return { attempts: 2 };
    });
    const clients = receiver.received.spans.filter((span) => spanType(span) === "http.client");
    expect(clients).toHaveLength(2);
    expect(new Set(clients.map((span) => span.parentSpanId)).size).toBe(1);
    expect(backend.heads[2]?.headers["traceparent"]).toBeUndefined();
    expect(checkTelemetry(receiver.received, { vocabulary: "1.41" })).toEqual([]);
  });

  test("many at once each keep their own parent", async () => {
    await using receiver = await startOtlpReceiver();
    await using backend = await startBackend((_request, response) => setTimeout(() => response.end("{}"), 15));
    await using pool = poolTo(backend.url);
    await using telemetry = await startTelemetry(optionsFor(receiver.url));
    await Promise.all(
      Array.from({ length: 40 }, async () => {
        const tap = telemetry.begin(startOf());
        tap?.request?.(viewOf({ model: "qwen" }), new Uint8Array());
        await tap?.enter?.(() => dispatch(pool, "/v1/chat/completions"));
        tap?.end(endOf());
      }),
    );
    await telemetry.flush();
    expect(receiver.received.spans).toHaveLength(120);
    expect(checkTelemetry(receiver.received, { vocabulary: "1.41" })).toEqual([]);
  });

  test("fails with the errno when nobody listens", async () => {
    await using receiver = await startOtlpReceiver();
    await using pool = poolTo("http://127.0.0.1:9");
    await run(receiver, pool, async (dispatched) => {
      await dispatched();
      return { outcome: "upstream-refused", errorType: "ECONNREFUSED", status: 502, reason: "nobody listens", upstreamSentMs: undefined };
    });
    const spans = byType(receiver);
    expect(spans.get("http.client")).toMatchObject({ status: 2 });
    expect(spans.get("http.client")?.attributes["error.type"]?.value).toBe("ECONNREFUSED");
    expect(spans.get("gen_ai.client.inference")?.attributes["error.type"]?.value).toBe("ECONNREFUSED");
    expect(spans.get("http.server")?.attributes["error.type"]?.value).toBe("502");
    expect(checkTelemetry(receiver.received, { vocabulary: "1.41" })).toEqual([]);
  });

  test.each([
    ["an AbortError", Object.assign(new Error("gone"), { name: "AbortError" }), "client_closed"],
    ["an error that has no code", new Error("exchange over"), "_OTHER"],
    ["an error with a code", Object.assign(new Error("silent"), { code: "UND_ERR_BODY_TIMEOUT" }), "UND_ERR_BODY_TIMEOUT"],
  ])("is an error when the relay aborts with %s", async (_name, abort, expected) => {
    await using receiver = await startOtlpReceiver();
    await using backend = await startBackend((_request, response) => response.write("x"));
    await using pool = poolTo(backend.url);
    await run(
      receiver,
      pool,
      async (dispatched) => {
        await dispatched();
        return { outcome: "client-gone", errorType: "client_closed", status: undefined, reason: "the client left" };
      },
      startOf(),
      "/v1/chat/completions",
      abort,
    );
    const client = byType(receiver).get("http.client");
    expect(client).toMatchObject({ status: 2, events: 0 });
    expect(client?.attributes["error.type"]?.value).toBe(expected);
    const measured = receiver.received.metrics.find((metric) => metric.name === "http.client.request.duration")?.points[0];
    expect(measured?.attributes["error.type"]?.value).toBe(expected);
    expect(checkTelemetry(receiver.received, { vocabulary: "1.41" })).toEqual([]);
  });
});
