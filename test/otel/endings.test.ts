/** Every API, streamed and whole, in every way an exchange can end, through the real sidecar on real sockets. */
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { expect, test } from "vitest";
import type { Outcome } from "../../src/core/exchange.ts";
import type { OtlpProtocol, Vocabulary } from "../../src/otel/options.ts";
import { OPERATIONS } from "../../src/otel/semconv.ts";
import { startTelemetry } from "../../src/otel/telemetry.ts";
import { headerOf } from "../../src/wire/headers.ts";
import { jsonReply, sleep, startFakeLlama } from "../support/fake-llama.ts";
import { checkExchanges } from "../support/exchange-spans.ts";
import { checkTelemetry } from "../support/otlp-checker.ts";
import { startOtlpReceiver } from "../support/otlp-receiver.ts";
import { exchangeOf, rawBytes, requestBody } from "../support/recordings.ts";
import { startTestSidecar, type TestSidecar } from "../support/sidecar.ts";
import { optionsFor } from "../support/telemetry-options.ts";

interface Form {
  readonly dialect: string;
  readonly path: string;
  readonly body: Buffer;
  readonly reply: Buffer;
  /** The reply calls the tool `read_file`. */
  readonly tools: boolean;
}

const RECORDINGS = {
  "openai.chat_completions": ["tool-single-stream", "tool-single"],
  "openai.completions": ["v1-completions-usage-stream", "v1-completions"],
  "openai.responses": ["responses-tool-stream", "responses-tool"],
  "anthropic.messages": ["anthropic-tool-stream", "anthropic-tool"],
  "llamacpp.completion": ["native-completion-stream", "native-completion"],
  "llamacpp.infill": ["infill-stream", "infill"],
  "openai.embeddings": ["embeddings"],
  "llamacpp.embedding": ["embedding-native"],
  "llamacpp.rerank": ["rerank-unsupported"],
} as const;

/** The recorded server ranks nothing. */
const RANKED = jsonReply('{"model":"m","object":"list","usage":{"prompt_tokens":8,"total_tokens":8},"results":[]}');

const FORMS: readonly Form[] = Object.entries(RECORDINGS).flatMap(([dialect, names]) =>
  names.map((name) => {
    const exchange = exchangeOf(name);
    const reply = dialect === "llamacpp.rerank" ? RANKED : rawBytes(exchange);
    return { dialect, path: exchange.request.path, body: requestBody(exchange), reply, tools: reply.includes("read_file") };
  }),
);

const half = (reply: Buffer): Buffer => reply.subarray(0, reply.indexOf("\r\n\r\n") + (reply.length - reply.indexOf("\r\n\r\n")) / 2);
const refusal = (code: number, type: string): Buffer =>
  jsonReply(JSON.stringify({ error: { code, message: "no", type } }), `${code} No`, "Connection: close\r\n");
/** Of the same length, so that the framing holds. */
const renamed = (reply: Buffer, name: string): Buffer => Buffer.from(reply.toString("latin1").replaceAll("read_file", name), "latin1");

/** What llama-server does, and how the exchange ends. */
const ENDINGS: Readonly<Record<string, { readonly outcome: Outcome; readonly play?: (form: Form, socket: Socket) => unknown }>> = {
  ok: { outcome: "completed", play: ({ reply }, socket) => socket.end(reply) },
  "4xx": { outcome: "completed", play: (_form, socket) => socket.end(refusal(400, "invalid_request_error")) },
  "5xx": { outcome: "completed", play: (_form, socket) => socket.end(refusal(500, "server_error")) },
  mended: { outcome: "completed", play: ({ reply }, socket) => socket.end(renamed(reply, "Read_File")) },
  "refused mend": { outcome: "completed", play: ({ reply }, socket) => socket.end(renamed(reply, "zq_xw_vyk")) },
  "mid-stream death": {
    outcome: "upstream-broke",
    play: async ({ reply }, socket) => {
      socket.write(half(reply));
      await sleep(20);
      socket.resetAndDestroy();
    },
  },
  refused: { outcome: "upstream-refused" },
  timeout: { outcome: "upstream-timeout", play: ({ reply }, socket) => socket.write(half(reply)) },
  "client gone": { outcome: "client-gone", play: ({ reply }, socket) => socket.write(half(reply)) },
  shutdown: { outcome: "shutdown", play: ({ reply }, socket) => socket.write(half(reply)) },
};

async function closedPort(): Promise<URL> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return new URL(`http://127.0.0.1:${port}`);
}

test.each<[Vocabulary, OtlpProtocol]>([
  ["1.41", "http/json"],
  ["1.41", "http/protobuf"],
  ["latest", "http/protobuf"],
  ["both", "http/json"],
])("vocabulary %s over %s: one ended span per request, all as the contract says", async (semconv, protocol) => {
  await using receiver = await startOtlpReceiver();
  await using telemetry = await startTelemetry(optionsFor(receiver.url, { semconv, protocol }));
  const asked = new Map<string, () => void>();
  await using llama = await startFakeLlama(async ({ headers }, socket) => {
    const ending = headerOf(headers, "x-ending") ?? "";
    const form = FORMS[Number(headerOf(headers, "x-form"))];
    if (form) await ENDINGS[ending]?.play?.(form, socket);
    asked.get(`${ending} ${headerOf(headers, "x-form")}`)?.();
  });
  const start = (backend: URL, timeoutMs: number) => startTestSidecar({ backend, sinks: [telemetry], limits: { timeoutMs } });
  await using usual = await start(llama.url, 20_000);
  await using refused = await start(await closedPort(), 20_000);
  await using impatient = await start(llama.url, 300);
  await using stopped = await start(llama.url, 20_000);
  const sidecarOf = (ending: string): TestSidecar =>
    ending === "refused" ? refused : ending === "timeout" ? impatient : ending === "shutdown" ? stopped : usual;

  async function play(ending: string, form: Form): Promise<void> {
    const index = FORMS.indexOf(form);
    const reached = new Promise<void>((resolve) => asked.set(`${ending} ${index}`, resolve));
    const socket = connect(Number(sidecarOf(ending).url.port), "127.0.0.1");
    const closed = new Promise((resolve) => socket.on("error", () => {}).once("close", resolve));
    socket.resume();
    const head = `POST ${form.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Ending: ${ending}\r\nX-Form: ${index}\r\nContent-Length: ${form.body.length}\r\n\r\n`;
    socket.write(Buffer.concat([Buffer.from(head), form.body]));
    if (ending === "client gone") {
      await reached;
      await sleep(20);
      socket.destroy();
    }
    if (ending === "shutdown") await reached;
    else await closed;
  }

  const plays = Object.keys(ENDINGS).flatMap((ending) =>
    FORMS.filter((form) => form.tools || (ending !== "mended" && ending !== "refused mend")).map((form) => ({ ending, form })),
  );
  await Promise.all(plays.map(({ ending, form }) => play(ending, form)));
  await stopped.sidecar.drain(0);
  const count = (of: TestSidecar): number => plays.filter(({ ending }) => sidecarOf(ending) === of).length;
  const seen = (await Promise.all([usual, refused, impatient, stopped].map((sidecar) => sidecar.ended(count(sidecar))))).flat();
  await telemetry.flush();

  const { received } = receiver;
  expect(checkTelemetry(received, { vocabulary: semconv })).toEqual([]);
  expect(checkExchanges(seen, received.spans)).toEqual([]);
  expect(seen).toHaveLength(plays.length);
  expect(new Set(seen.map(({ start: { dialect } }) => dialect))).toEqual(new Set(OPERATIONS.keys()));
  const wrong = seen.filter(({ start: { headers }, ends }) => ends[0]?.outcome !== ENDINGS[headerOf(headers, "x-ending") ?? ""]?.outcome);
  expect(wrong.map(({ start, ends }) => `${headerOf(start.headers, "x-ending")} ${start.path} ${ends[0]?.outcome}`)).toEqual([]);
  const acted = (ending: string): string[] =>
    seen
      .filter(({ start: { headers } }) => headerOf(headers, "x-ending") === ending)
      .map(({ ends }) => ends[0]?.notes.map(({ action }) => action).join() ?? "");
  expect(acted("mended")).toEqual(FORMS.filter(({ tools }) => tools).map(() => "fixed"));
  expect(acted("refused mend")).toEqual(FORMS.filter(({ tools }) => tools).map(() => "refused"));
});
