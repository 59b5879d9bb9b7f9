import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { startPlayingServer } from "../../src/demo/playing-server.ts";
import { playbackOf } from "../../src/replay/playback.ts";
import { createStandIn, type Answered, type StandInOptions } from "../../src/replay/stand-in.ts";
import type { Recording } from "../../src/core/recording.ts";
import { CALLS, callOf, readReply, recordingOf } from "./recorded.ts";

async function standIn(recordings: readonly Recording[], options: StandInOptions = {}, speed = Number.POSITIVE_INFINITY) {
  const told: Answered[] = [];
  const stand = createStandIn(recordings, (id) => recordings.find((one) => one.id === id), {
    ...options,
    onAnswer: (one) => told.push(one),
  });
  const server = await startPlayingServer({ speed, answer: (request) => stand.answer(request) });
  return { stand, told, url: server.url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

function ask(url: URL, recording: Recording, body: string = Buffer.from(recording.request.body).toString()) {
  return fetch(new URL(recording.path, url), {
    method: recording.method,
    ...(recording.method === "GET" ? {} : { headers: { "content-type": "application/json" }, body }),
  });
}

const upstreamOf = (recording: Recording): Buffer => Buffer.concat((recording.response?.pieces ?? []).map((piece) => piece.upstream));
const edited = (recording: Recording, change: (body: Record<string, unknown>) => void): string => {
  const body = JSON.parse(Buffer.from(recording.request.body).toString()) as Record<string, unknown>;
  change(body);
  return JSON.stringify(body);
};

describe("every recording", () => {
  const calls = [...CALLS.values()].flat().filter((call) => call.complete && readReply(call).status > 0);
  test("is answered with the recorded status and bytes, in every dialect and on the other routes", async () => {
    const recordings = calls.map((call) => recordingOf(call));
    expect(new Set(recordings.map(({ dialect }) => dialect)).size).toBeGreaterThan(6);
    await using server = await standIn(recordings);
    for (const recording of recordings) {
      const response = await ask(server.url, recording);
      const bytes = Buffer.from(await response.arrayBuffer());
      const id = response.headers.get("x-llama-proxy-recording");
      const played = recordings.find((one) => one.id === id);
      expect([recording.path, response.status]).toEqual([recording.path, played?.response?.status]);
      expect(played && bytes.equals(upstreamOf(played))).toBe(true);
      // The same request was recorded more than once: each recording answers once.
      expect(response.headers.get("x-llama-proxy-match")).toBe("exact");
    }
    expect(server.stand.counts).toMatchObject({ exact: recordings.length, reused: 0, unmatched: 0 });
  });

  test("also cut elsewhere", async () => {
    const recording = recordingOf(callOf("tool-text-then-two-stream"));
    for (const recut of [{ kind: "bytes", size: 1 } as const, { kind: "random", seed: 5 } as const]) {
      await using server = await standIn([recording], { recut });
      const bytes = Buffer.from(await (await ask(server.url, recording)).arrayBuffer());
      expect(bytes.equals(upstreamOf(recording))).toBe(true);
    }
  });
});

describe("what it is told to be", () => {
  const chat = recordingOf(callOf("chat-hello-stream"));

  test("a second time is reused, and says how often", async () => {
    await using server = await standIn([chat]);
    await (await ask(server.url, chat)).text();
    const again = await ask(server.url, chat);
    await again.text();
    expect(again.headers.get("x-llama-proxy-match")).toBe("reused");
    expect(again.headers.get("x-llama-proxy-remark")).toBe("served 2 times");
  });

  test("another temperature, another spelling, another date: reused, and what was looked past is named", async () => {
    const dated = {
      ...chat,
      request: { ...chat.request, body: Buffer.from(edited(chat, (body) => Object.assign(body, { system: "Today is 2026-11-20." }))) },
    };
    await using server = await standIn([dated]);
    const remark = async (body: string): Promise<string | null> => {
      const response = await ask(server.url, dated, body);
      await response.text();
      expect(response.headers.get("x-llama-proxy-match")).toBe("reused");
      return response.headers.get("x-llama-proxy-remark");
    };
    expect(await remark(edited(dated, (body) => Object.assign(body, { temperature: 0.5 })))).toBe("ignoring temperature");
    expect(await remark(edited(dated, (body) => Object.assign(body, { system: "Today is 2027-01-02." })))).toContain("date-time in system");
    expect(await remark(JSON.stringify(JSON.parse(Buffer.from(dated.request.body).toString()), null, 2))).toContain("spelling");
  });

  test("another message, model or stream is unmatched: 404 in the API's own shape, with the nearest and the first difference", async () => {
    const messages = recordingOf(callOf("anthropic-hello-stream"));
    await using server = await standIn([chat, messages]);
    const wrong = await ask(
      server.url,
      chat,
      edited(chat, (body) =>
        Object.assign(body, {
          messages: [
            { role: "system", content: "You are brief." },
            { role: "user", content: "Say hullo." },
          ],
        }),
      ),
    );
    expect([wrong.status, wrong.headers.get("x-llama-proxy-match")]).toEqual([404, "unmatched"]);
    const { error } = (await wrong.json()) as { error: { message: string; type: string } };
    expect(error.type).toBe("not_found_error");
    expect(error.message).toContain(`nearest is ${chat.id}`);
    expect(error.message).toContain("messages[1] (user), character 5");
    const model = await ask(
      server.url,
      messages,
      edited(messages, (body) => Object.assign(body, { model: "other" })),
    );
    expect(await model.json()).toMatchObject({ type: "error", error: { message: expect.stringContaining('asked "other"') } });
    const whole = await ask(
      server.url,
      chat,
      edited(chat, (body) => Object.assign(body, { stream: false })),
    );
    expect(await whole.text()).toContain("stream: recorded true, asked false");
    expect(server.told.map(({ kind }) => kind)).toEqual(["unmatched", "unmatched", "unmatched"]);
  });

  test("health, props, slots and models that nobody recorded are made up, and say so; other routes are 404", async () => {
    await using server = await standIn([{ ...chat, metrics: { ...chat.metrics, contextTotal: 8192 } }]);
    for (const [path, says] of [
      ["/health", '{"status":"ok"}'],
      ["/props", '"n_ctx":8192'],
      ["/slots", '"is_processing":false'],
      ["/v1/models", '"id":"whatever-the-client-says"'],
    ] as const) {
      const response = await fetch(new URL(path, server.url));
      expect([path, response.status, response.headers.get("x-llama-proxy-match")]).toEqual([path, 200, "made-up"]);
      expect(await response.text()).toContain(says);
    }
    expect((await fetch(new URL("/tokenize", server.url), { method: "POST", body: "{}" })).status).toBe(404);
  });

  test("--fail: so often, in the API's shape", async () => {
    await using server = await standIn([chat], { fail: { status: 503, times: 2 } });
    const statuses = [];
    for (let i = 0; i < 3; i++) {
      const response = await ask(server.url, chat);
      statuses.push(response.status);
      await response.text();
    }
    expect(statuses).toEqual([503, 503, 200]);
    expect((await fetch(new URL("/health", server.url))).status).toBe(200);
  });

  test("--drop-at cuts the connection before that frame", async () => {
    await using server = await standIn([chat], { dropAt: 3 });
    const response = await ask(server.url, chat);
    const got: Buffer[] = [];
    const reading = (async () => {
      for await (const chunk of response.body ?? []) got.push(Buffer.from(chunk));
    })();
    await expect(reading).rejects.toThrow("terminated");
    expect(Buffer.concat(got).toString()).toBe(
      Buffer.concat(chat.response?.pieces.slice(0, 3).map((piece) => piece.upstream) ?? []).toString(),
    );
  });

  test("--stall-at is silent before that frame, and late from then on", () => {
    const pieces = (chat.response?.pieces ?? []).map(({ upstream }) => Buffer.from(upstream).toString());
    const inTime = playbackOf(chat, [], {}).writes;
    const late = playbackOf(chat, [], { stallAt: { frame: 4, ms: 300 } }).writes;
    const by = late.map(({ atMs }, i) => Math.round(atMs - (inTime[i]?.atMs ?? 0)));
    const stall = by.indexOf(300);
    // The last write ends the body, and has a time of its own.
    expect(by.slice(0, -1)).toEqual(by.slice(0, -1).map((_, i) => (i < stall ? 0 : 300)));
    expect(Buffer.from(late[stall - 1]?.bytes ?? []).toString()).toContain(pieces[3]);
    expect(Buffer.from(late[stall]?.bytes ?? []).toString()).toContain(pieces[4]);
  });

  test("a recording that broke off breaks off again; one without a reply is a cut connection", async () => {
    const broken = recordingOf(callOf("server-sigkill-mid-stream"));
    const refused: Recording = { ...chat, outcome: "upstream-refused", response: undefined };
    await using server = await standIn([broken, refused]);
    await expect(ask(server.url, broken).then((response) => response.text())).rejects.toThrow("terminated");
    await expect(ask(server.url, refused)).rejects.toThrow("fetch failed");
  });
});

test("no frame leaves before its recorded time, or before half of it at 2x", async () => {
  const recording = recordingOf(callOf("chat-hello-stream"));
  for (const speed of [1, 2]) {
    await using server = await standIn([recording], {}, speed);
    const { promise, resolve } = Promise.withResolvers<void>();
    const reads: { readonly at: number; readonly text: string }[] = [];
    let begun = 0;
    const socket = connect(Number(server.url.port), "127.0.0.1", () => {
      const { body } = recording.request;
      begun = performance.now();
      socket.write(`POST ${recording.path} HTTP/1.1\r\nContent-Length: ${body.length}\r\n\r\n${Buffer.from(body).toString()}`);
    });
    socket.on("data", (chunk) => reads.push({ at: performance.now() - begun, text: chunk.toString() })).on("close", () => resolve());
    await promise;
    const frames = (recording.response?.pieces ?? []).map(({ atMs, upstream }) => ({ atMs, text: Buffer.from(upstream).toString() }));
    const distinct = frames.filter(({ text }) => frames.filter((other) => other.text === text).length === 1);
    expect(distinct.length).toBeGreaterThan(5);
    for (const { atMs, text } of distinct) {
      expect(reads.find((read) => read.text.includes(text))?.at).toBeGreaterThan(atMs / speed - 1);
    }
    // How late frames are is the machine's load more than ours: bench/serve-recording.ts measures it.
  }
});
