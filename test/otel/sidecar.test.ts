import { connect, createServer, type AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import type { TelemetrySink } from "../../src/otel/options.ts";
import { startTelemetry } from "../../src/otel/telemetry.ts";
import { chatRequest, chatFrame, DONE, HELLO, httpChunk, LAST_CHUNK, sleep, startFakeLlama, STREAM_HEAD } from "../support/fake-llama.ts";
import { checkExchanges } from "../support/exchange-spans.ts";
import { checkTelemetry, spanType } from "../support/otlp-checker.ts";
import { plain, startOtlpReceiver, type Received } from "../support/otlp-receiver.ts";
import { send } from "../support/raw-client.ts";
import { exchangesOf, rawBytes, recordingNames, requestBody } from "../support/recordings.ts";
import { startTestSidecar } from "../support/sidecar.ts";
import { optionsFor } from "../support/telemetry-options.ts";

/** The real sidecar with telemetry, as cli/service.ts wires the two. */
function startTraced(telemetry: TelemetrySink, backend: URL, timeoutMs = 30_000) {
  return startTestSidecar({
    backend,
    sinks: [telemetry],
    tracing: (id) => telemetry.trace(id) !== undefined,
    limits: { timeoutMs },
  });
}

const chat = (extra: Record<string, unknown> = {}) => ({ method: "POST", path: "/v1/chat/completions", body: chatRequest(extra) });

/** An http.client span ends when undici lets go of its socket, a moment after the exchange. */
async function exported(telemetry: TelemetrySink): Promise<void> {
  await sleep(50);
  await telemetry.flush();
}

function errorsOf(received: Received): Record<string, string> {
  return Object.fromEntries(received.spans.map((span) => [spanType(span), (plain(span.attributes)["error.type"] ?? "") as string]));
}

function sumOf(received: Received, name: string): number {
  return (received.metrics.find((metric) => metric.name === name)?.points ?? []).reduce((sum, point) => sum + (point.value ?? 0), 0);
}

test("every carried recording passes through with telemetry as the contract says, and the counters are the backend's", async () => {
  const exchanges = recordingNames()
    .flatMap((name) => exchangesOf(name))
    .filter((exchange) => exchange.response?.complete && exchange.request.path.startsWith("/"));
  let at = -1;
  await using receiver = await startOtlpReceiver();
  await using telemetry = await startTelemetry(optionsFor(receiver.url, { semconv: "both" }));
  await using backend = await startFakeLlama((_request, socket) => {
    const exchange = exchanges[at];
    if (exchange) socket.end(rawBytes(exchange));
  });
  await using sidecar = await startTraced(telemetry, backend.url);
  for (at = 0; at < exchanges.length; at += 1) {
    const exchange = exchanges[at];
    if (!exchange) break;
    const { method, path } = exchange.request;
    await send(sidecar.url, { method, path, headers: [["traceparent", TRACEPARENT]], body: requestBody(exchange) });
  }
  const seen = await sidecar.ended(exchanges.length);
  await exported(telemetry);
  const { received } = receiver;
  expect(checkTelemetry(received, { vocabulary: "both" })).toEqual([]);
  expect(checkExchanges(seen, received.spans)).toEqual([]);
  expect(received.spans.filter((span) => spanType(span) === "http.server")).toHaveLength(exchanges.length);
  const inference = seen.filter(
    ({ start }) => !["openai.embeddings", "llamacpp.embedding", "llamacpp.rerank"].includes(start.dialect ?? ""),
  );
  const total = (count: (usage: { promptTokens?: number; completionTokens?: number }) => number | undefined) =>
    inference.reduce((sum, { ends }) => sum + (count(ends[0]?.summary.usage ?? {}) ?? 0), 0);
  expect(sumOf(received, "gen_ai.client.inference.usage.input_tokens")).toBe(total((usage) => usage.promptTokens));
  expect(sumOf(received, "gen_ai.client.inference.usage.output_tokens")).toBe(total((usage) => usage.completionTokens));
  expect(total((usage) => usage.promptTokens)).toBeGreaterThan(0);
  const parents = backend.requests.map(({ headers }) => headers.filter((name) => /^traceparent$/i.test(name)).length);
  expect(new Set(parents)).toEqual(new Set([1]));
});

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

describe("endings over real sockets", () => {
  test("the client leaves in the middle of a stream", async () => {
    await using receiver = await startOtlpReceiver();
    await using telemetry = await startTelemetry(optionsFor(receiver.url));
    await using backend = await startFakeLlama((_request, socket) => void socket.write(STREAM_HEAD + httpChunk(HELLO).toString()));
    await using sidecar = await startTraced(telemetry, backend.url);
    await send(sidecar.url, { ...chat(), leaveWhen: (bytes) => bytes.includes("Hi") });
    await sidecar.ended();
    await exported(telemetry);
    expect(errorsOf(receiver.received)).toMatchObject({ "http.server": "client_closed", "gen_ai.client.inference": "client_closed" });
    expect(errorsOf(receiver.received)["http.client"]).toBe("client_closed");
    expect(checkTelemetry(receiver.received, { vocabulary: "1.41" })).toEqual([]);
  });

  test.each([
    ["the client leaves", "client_closed", 0],
    ["the sidecar goes down", "_OTHER", 1],
  ])("%s while the connection to the backend is being made: nothing outlasts the server span", async (_what, error, down) => {
    await using receiver = await startOtlpReceiver();
    await using telemetry = await startTelemetry(optionsFor(receiver.url));
    // Takes the connection and never answers the TLS handshake.
    const reached = Promise.withResolvers<void>();
    const silent = createServer((socket) => void socket.on("error", () => {}).on("data", () => reached.resolve()));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const sidecar = await startTraced(telemetry, new URL(`https://127.0.0.1:${(silent.address() as AddressInfo).port}`));
    const client = connect(Number(sidecar.url.port), "127.0.0.1").on("error", () => {});
    const body = chatRequest();
    client.write(`POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    await reached.promise;
    if (down) await sidecar.sidecar.drain(0);
    else client.destroy();
    const [seen] = await sidecar.ended();
    await telemetry.flush();
    expect(errorsOf(receiver.received)).toMatchObject({ "gen_ai.client.inference": error, "http.client": error });
    expect(checkTelemetry(receiver.received, { vocabulary: "1.41" })).toEqual([]);
    expect(checkExchanges(seen ? [seen] : [], receiver.received.spans)).toEqual([]);
    client.destroy();
    await sidecar[Symbol.asyncDispose]();
    silent.close();
  });

  test("nobody listens", async () => {
    await using receiver = await startOtlpReceiver();
    await using telemetry = await startTelemetry(optionsFor(receiver.url));
    await using sidecar = await startTraced(telemetry, new URL("http://127.0.0.1:9"));
    expect((await send(sidecar.url, chat())).status).toBe(502);
    await sidecar.ended();
    await exported(telemetry);
    expect(errorsOf(receiver.received)).toEqual({
      "http.server": "502",
      "gen_ai.client.inference": "ECONNREFUSED",
      "http.client": "ECONNREFUSED",
    });
    expect(checkTelemetry(receiver.received, { vocabulary: "1.41" })).toEqual([]);
  });

  test("the backend dies in the middle", async () => {
    await using receiver = await startOtlpReceiver();
    await using telemetry = await startTelemetry(optionsFor(receiver.url));
    await using backend = await startFakeLlama(async (_request, socket) => {
      socket.write(STREAM_HEAD);
      socket.write(httpChunk(chatFrame({ content: "Hi" })));
      await sleep(30);
      socket.destroy();
    });
    await using sidecar = await startTraced(telemetry, backend.url);
    await send(sidecar.url, chat());
    await sidecar.ended();
    await exported(telemetry);
    expect(errorsOf(receiver.received)["gen_ai.client.inference"]).toMatch(/^(?:UND_ERR_SOCKET|ECONNRESET|upstream_closed)$/);
    expect(checkTelemetry(receiver.received, { vocabulary: "1.41" })).toEqual([]);
  });

  test("the backend is silent", async () => {
    await using receiver = await startOtlpReceiver();
    await using telemetry = await startTelemetry(optionsFor(receiver.url));
    await using backend = await startFakeLlama(() => undefined);
    await using sidecar = await startTraced(telemetry, backend.url, 100);
    await send(sidecar.url, chat());
    await sidecar.ended();
    await exported(telemetry);
    expect(errorsOf(receiver.received)).toMatchObject({
      "http.client": "UND_ERR_HEADERS_TIMEOUT",
      "gen_ai.client.inference": "UND_ERR_HEADERS_TIMEOUT",
    });
    expect(checkTelemetry(receiver.received, { vocabulary: "1.41" })).toEqual([]);
  });

  test("the sidecar goes down", async () => {
    await using receiver = await startOtlpReceiver();
    await using telemetry = await startTelemetry(optionsFor(receiver.url));
    await using backend = await startFakeLlama((_request, socket) => void socket.write(STREAM_HEAD));
    const sidecar = await startTraced(telemetry, backend.url);
    const reply = send(sidecar.url, chat());
    await sleep(50);
    await sidecar[Symbol.asyncDispose]();
    await reply;
    await exported(telemetry);
    expect(receiver.received.spans).toHaveLength(3);
    expect(checkTelemetry(receiver.received, { vocabulary: "1.41" })).toEqual([]);
  });

  test("disconnects at random moments: one ended span per request, never orphaned", async () => {
    await using receiver = await startOtlpReceiver();
    await using telemetry = await startTelemetry(optionsFor(receiver.url));
    await using backend = await startFakeLlama(async (_request, socket, count) => {
      if (count % 5 === 0) {
        socket.destroy();
        return;
      }
      socket.write(STREAM_HEAD);
      for (let i = 0; i < 10; i += 1) {
        if (count % 7 === 0 && i === 4) {
          socket.destroy();
          return;
        }
        socket.write(httpChunk(chatFrame({ content: "x" })));
        await sleep(2);
      }
      socket.end(Buffer.concat([httpChunk(DONE), Buffer.from(LAST_CHUNK)]));
    });
    await using sidecar = await startTraced(telemetry, backend.url);
    const count = 60;
    await Promise.all(
      Array.from({ length: count }, (_, index) =>
        send(sidecar.url, { ...chat(), ...(index % 3 === 0 ? { leaveWhen: (bytes: Buffer) => bytes.length > index * 30 } : {}) }),
      ),
    );
    const seen = await sidecar.ended(count);
    await exported(telemetry);
    expect(checkExchanges(seen, receiver.received.spans)).toEqual([]);
    const types = receiver.received.spans.map(spanType);
    expect(types.filter((type) => type === "http.server")).toHaveLength(count);
    expect(types.filter((type) => type === "gen_ai.client.inference")).toHaveLength(count);
    expect(types.filter((type) => type === "http.client").length).toBeGreaterThanOrEqual(count);
    expect(checkTelemetry(receiver.received, { vocabulary: "1.41" })).toEqual([]);
  });
});
