/**
 * The openai and Anthropic SDKs against `serve-recording`, streamed and not: they see the same events
 * as against the raw recorded bytes of the real server. The recordings are those that the sidecar's
 * own recorder made of them.
 */
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startPlayingServer } from "../../src/demo/playing-server.ts";
import { startRecordedLlama } from "../../src/demo/recorded-llama.ts";
import type { RecordedCall } from "../../src/demo/recorded.ts";
import { createStandIn } from "../../src/replay/stand-in.ts";
import { openReader, type Reader } from "../../src/recorder/reader.ts";
import { recordedDatabase } from "../cli/support.ts";
import { CALLS, readReply } from "./recorded.ts";

type Ask = (origin: string, body: never) => Promise<unknown>;

/** By route: how an SDK asks, and all that it hands to its user: every event, or the whole object. */
const openai = (origin: string) => new OpenAI({ baseURL: `${origin}/v1`, apiKey: "none", maxRetries: 0 });
const anthropic = (origin: string) => new Anthropic({ baseURL: origin, apiKey: "none", maxRetries: 0 });

async function events(result: unknown): Promise<unknown> {
  if (typeof result !== "object" || result === null || !(Symbol.asyncIterator in result)) return result;
  const seen: unknown[] = [];
  try {
    for await (const event of result as AsyncIterable<unknown>) seen.push(event);
  } catch (error) {
    seen.push({ threw: (error as Error).message });
  }
  return seen;
}

const ASK: Readonly<Record<string, Ask>> = {
  "/v1/chat/completions": async (origin, body) => events(await openai(origin).chat.completions.create(body)),
  "/v1/completions": async (origin, body) => events(await openai(origin).completions.create(body)),
  "/v1/responses": async (origin, body) => events(await openai(origin).responses.create(body)),
  "/v1/messages": async (origin, body) => events(await anthropic(origin).messages.create(body)),
  "/v1/embeddings": (origin, body) => openai(origin).embeddings.create(body),
};

async function asked(ask: Ask, origin: string, call: RecordedCall): Promise<unknown> {
  try {
    return { saw: JSON.parse(JSON.stringify(await ask(origin, JSON.parse(call.body.toString()) as never))) as unknown };
  } catch (error) {
    // Headers differ by those that tell the match.
    const { status, message } = error as { status?: number; message: string };
    return { status, message };
  }
}

/** Left to itself the SDK asks for base64 vectors, which was not recorded. */
function plainly(call: RecordedCall): RecordedCall {
  if (call.path !== "/v1/embeddings") return call;
  return { ...call, body: Buffer.from(JSON.stringify({ ...JSON.parse(call.body.toString()), encoding_format: "float" })) };
}

/** What the SDKs can be given: a whole reply on one of their routes, asked with plain JSON as they write it. */
const calls = [...CALLS.values()]
  .flat()
  .map(plainly)
  .filter((call, i, all) => {
    const text = call.body.toString();
    if (call.method !== "POST" || !call.complete || ASK[call.path] === undefined || !(readReply(call).status > 0)) return false;
    // The sidecar mends this request, which no recording of the raw server knows.
    if (call.name === "tool-history-bad-arguments") return false;
    // The same request recorded twice: the raw bytes of the first are what it is answered with.
    if (all.findIndex((other) => other.path === call.path && other.body.equals(call.body)) !== i) return false;
    return /^\{.*\}$/.test(text) && JSON.stringify(JSON.parse(text)) === text;
  });

let reader: Reader;
let ids: readonly string[];
beforeAll(async () => {
  const recorded = await recordedDatabase(calls);
  reader = openReader(recorded.db);
  ids = recorded.ids;
}, 60_000);
afterAll(() => reader.close());

describe("an SDK sees against serve-recording what it saw live", () => {
  test("there is something to ask, of every API, streamed and not", () => {
    const kinds = new Set(calls.map((call) => `${call.path} ${call.body.includes('"stream":true')}`));
    for (const path of ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"]) {
      expect(kinds).toContain(`${path} true`);
      expect(kinds).toContain(`${path} false`);
    }
    expect(calls.length).toBeGreaterThan(30);
  });

  test.each(calls.map((call, i) => [call.name, call, i] as const))("%s", async (_name, call, i) => {
    const ask = ASK[call.path];
    if (!ask) throw new Error(call.path);
    await using live = await startRecordedLlama([call], { speed: Number.POSITIVE_INFINITY });
    const recording = reader.get(ids[i] ?? "");
    if (!recording) throw new Error("it was not recorded");
    const stand = createStandIn([recording], () => recording);
    await using served = await startPlayingServer({ speed: Number.POSITIVE_INFINITY, answer: (request) => stand.answer(request) });
    const seen = await asked(ask, served.url.origin, call);
    expect(seen).toEqual(await asked(ask, live.url.origin, call));
    // The SDK's request is the recorded one, so that nothing was compared with a 404.
    expect(live.unmatched).toEqual([]);
    expect(stand.counts.unmatched).toBe(0);
  });
});
