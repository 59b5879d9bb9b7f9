import { describe, expect, test } from "vitest";
import { DIALECTS, dialectFor } from "../../src/dialects/index.ts";
import { parseExact, parseOrUndefined } from "../../src/wire/json.ts";
import { foldChat, foldMessages, foldResponses, payloadsOf, type Folded } from "../support/fold.ts";
import {
  exchangesOf,
  isEventStream,
  recordingNames,
  requestBody,
  requestPath,
  responseBody,
  sharedRecordings,
  type RecordedExchange,
} from "../support/recordings.ts";
import { joined, readStream, rewriteStream } from "../support/rewrite.ts";

const FOLDS: Record<string, (body: Uint8Array) => Folded> = {
  "openai.chat_completions": (body) => foldChat(body),
  "anthropic.messages": foldMessages,
  "openai.responses": foldResponses,
};

const names = [...new Set([...recordingNames(), ...sharedRecordings()])];
const exchanges = names.flatMap((name) => exchangesOf(name).map((exchange, i) => [`${name}#${i}`, exchange] as const));
const understood = exchanges.filter(([, exchange]) => exchange.response && dialectOf(exchange));
const streams = understood.filter(([, exchange]) => isEventStream(exchange));
const documents = understood.filter(
  ([, exchange]) => !isEventStream(exchange) && parseOrUndefined(responseBody(exchange).toString()) !== undefined,
);

function dialectOf(exchange: RecordedExchange) {
  return dialectFor(exchange.request.method, requestPath(exchange));
}
function known(exchange: RecordedExchange) {
  const dialect = dialectOf(exchange);
  if (!dialect) throw new Error("a recording of no dialect");
  return dialect;
}

test("the carried recordings cover every dialect that was recorded", () => {
  const covered = new Set(recordingNames().flatMap((name) => exchangesOf(name).map((exchange) => dialectOf(exchange)?.name)));
  expect(DIALECTS.map(({ name }) => name).filter((name) => !covered.has(name))).toEqual([]);
});

describe("streams", () => {
  test.each(streams)("%s: unchanged deltas write the message as it was", (_name, exchange) => {
    const body = responseBody(exchange);
    expect(Buffer.from(rewriteStream(known(exchange), body, (deltas) => deltas)).equals(body)).toBe(true);
  });

  test.each(streams)("%s: written anew it says the same", (_name, exchange) => {
    const dialect = known(exchange);
    const body = responseBody(exchange);
    const request = parseOrUndefined(requestBody(exchange).toString());
    const again = rewriteStream(dialect, body, (deltas) => deltas.slice(), request);
    expect(joined(readStream(dialect, again, request))).toEqual(joined(readStream(dialect, body, request)));
    const fold = FOLDS[dialect.name];
    if (!fold) return;
    const [before, after] = [fold(body), fold(again)];
    expect(after).toEqual(before);
    // The hand-made folds find nothing wrong with what llama-server itself sends.
    expect(before.faults).toEqual([]);
  });

  test.each(streams.filter(([, exchange]) => known(exchange).name === "openai.chat_completions"))(
    "%s: chunk by chunk the JSON is the same",
    (_name, exchange) => {
      const body = responseBody(exchange);
      const again = rewriteStream(known(exchange), body, (deltas) => deltas.slice());
      expect(saidIn(again)).toEqual(saidIn(body));
    },
  );
});

function saidIn(body: Uint8Array) {
  return payloadsOf(body).filter((payload) => !isEmptyChunk(payload));
}

/** A chunk that says nothing at all is left out when it is written. */
function isEmptyChunk(payload: ReturnType<typeof payloadsOf>[number]): boolean {
  if (payload === "[DONE]" || payload["timings"] || payload["usage"] || !payload["choices"]?.length) return false;
  return payload["choices"].every(
    (choice: any) => Object.keys(choice.delta).length === 0 && choice.finish_reason === null && !choice.logprobs,
  );
}

describe("documents", () => {
  test.each(documents)("%s: written anew it is the same", (_name, exchange) => {
    const dialect = known(exchange);
    const text = responseBody(exchange).toString();
    const deltas = dialect.readDocument(parseExact(text));
    expect(JSON.parse(JSON.stringify(dialect.writeDocument(parseExact(text), deltas.slice())))).toEqual(JSON.parse(text));
  });
});
