/**
 * Do frames of `serve-recording --speed 1x` come at their recorded times? Streams of 200 frames with
 * gaps of 4 to 40 ms, one alone and four at once, read by a raw socket in a thread of its own, so that
 * the reader neither shares the player's event loop nor waits for an HTTP parser. Told is the error of
 * each gap: how far apart two frames came against how far apart they were recorded.
 *
 * The control is the best this machine can do at the moment: the same stream written by a loop that
 * does nothing but look at the clock. Where other programs run, its error is theirs.
 */
import { connect, createServer, type AddressInfo } from "node:net";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { startPlayingServer } from "../src/demo/playing-server.ts";
import { createStandIn } from "../src/replay/stand-in.ts";
import type { Recording } from "../src/core/recording.ts";

const FRAMES = 200;
const BODY = '{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}';
const encoder = new TextEncoder();

if (isMainThread) await measure();
else read(workerData as number);

function recordingOf(seed: number): Recording {
  let state = seed;
  let atMs = 20;
  const pieces = Array.from({ length: FRAMES }, (_, seq) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    atMs += 4 + (state / 2 ** 31) * 36;
    const bytes = encoder.encode(`data: {"choices":[{"index":0,"delta":{"content":"${seq}"}}]}\n\n`);
    return { seq, atMs, upstream: bytes, sent: bytes };
  });
  const body = encoder.encode(BODY);
  const path = "/v1/chat/completions";
  return {
    id: `bench${seed}`,
    startedAt: 0,
    method: "POST",
    path,
    route: path,
    dialect: "openai.chat_completions",
    session: undefined,
    outcome: "completed",
    reason: undefined,
    errorType: undefined,
    traceId: undefined,
    spanId: undefined,
    truncated: false,
    metrics: { durationMs: atMs, streaming: true, fixes: [] },
    details: { headMs: 20 },
    notes: [],
    request: { headers: [], body, forwarded: body },
    response: { status: 200, headers: ["Content-Type", "text/event-stream", "Transfer-Encoding", "chunked"], framed: true, pieces },
  };
}

async function measure(): Promise<void> {
  tell("control", await control(recordingOf(1)));
  for (const streams of [1, 4]) {
    const recordings = Array.from({ length: streams }, (_, i) => recordingOf(i + 1));
    const stand = createStandIn(recordings, (id) => recordings.find((one) => one.id === id));
    await using server = await startPlayingServer({ speed: 1, answer: (request) => stand.answer(request) });
    const port = Number(server.url.port);
    // One after the other, so that the nth reader gets the nth recording.
    const readings = [];
    for (const recording of recordings) {
      readings.push(reading(port, recording));
      await new Promise((done) => setTimeout(done, 100));
    }
    tell(`${streams} stream${streams === 1 ? "" : "s"}`, (await Promise.all(readings)).flat());
  }
}

function tell(what: string, gaps: readonly number[]): void {
  const errors = gaps.toSorted((a, b) => a - b);
  const at = (share: number): string => `${(errors[Math.min(errors.length - 1, Math.floor(errors.length * share))] ?? 0).toFixed(3)} ms`;
  process.stdout.write(`${what}, ${errors.length} gaps: p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}, max ${at(1)}\n`);
}

async function control(recording: Recording): Promise<number[]> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.once("data", () => {
      const begun = performance.now();
      for (const { atMs, upstream } of recording.response?.pieces ?? []) {
        while (performance.now() - begun < atMs);
        socket.write(upstream);
      }
      socket.end();
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  try {
    return await reading((server.address() as AddressInfo).port, recording);
  } finally {
    server.close();
  }
}

function reading(port: number, recording: Recording): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: port });
    worker.once("error", reject);
    worker.once("message", (arrivals: Record<string, number>) => {
      const pieces = recording.response?.pieces ?? [];
      resolve(
        pieces.slice(1).map(({ atMs, seq }, i) => {
          const recorded = atMs - (pieces[i]?.atMs ?? 0);
          return Math.abs((arrivals[seq] ?? 0) - (arrivals[seq - 1] ?? 0) - recorded);
        }),
      );
    });
  });
}

/** Notes when each frame came, by the number in it. */
function read(port: number): void {
  const arrivals: Record<string, number> = {};
  const socket = connect(port, "127.0.0.1", () =>
    socket.write(`POST /v1/chat/completions HTTP/1.1\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`),
  );
  socket.setNoDelay(true);
  socket.on("data", (chunk) => {
    const now = performance.now();
    for (const [, seq = ""] of chunk.toString().matchAll(/"content":"(\d+)"/g)) arrivals[seq] ??= now;
  });
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origins
  socket.on("close", () => parentPort?.postMessage(arrivals));
}
