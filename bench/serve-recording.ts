/**
 * Do frames of `serve-recording --speed 1x` go out at their recorded times? Streams of 500 frames with
 * gaps of 4 to 40 ms, one alone and four at once. Told are two errors of each gap between two frames, against
 * the gap that was recorded: `written`, by the clock when the server hands a frame to its socket, which is ours;
 * and `arrived`, when a raw socket in a thread of its own has read it, which adds the kernel and the reader.
 *
 * The control is the same stream written by a loop that does nothing but look at the clock: what of
 * `arrived` is the machine's when the writer is never late.
 *
 *   node bench/serve-recording.ts [rounds]
 */
import { subscribe } from "node:diagnostics_channel";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { startPlayingServer } from "../src/demo/playing-server.ts";
import { createStandIn } from "../src/replay/stand-in.ts";
import type { Recording } from "../src/core/recording.ts";

const FRAMES = 500;
const BODY = '{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}';
const encoder = new TextEncoder();

/** When each frame was there, by its number. */
type Times = Map<number, number>;

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

/** When each frame was handed to its socket, by socket and number. */
const written = new Map<Socket, Map<number, number>>();

/** Looks at the clock whenever a server writes a frame, and costs a microsecond. */
function watchWrites(): void {
  subscribe("net.server.socket", (message) => {
    const { socket } = message as { socket: Socket };
    const times: Times = new Map();
    const write = socket.write.bind(socket);
    socket.write = (bytes: string | Uint8Array) => {
      const now = performance.now();
      for (const seq of numbersIn(Buffer.from(bytes).toString("latin1"))) written.set(socket, times.set(seq, now));
      return write(bytes);
    };
  });
}

async function measure(): Promise<void> {
  watchWrites();
  for (let round = 1; round <= Number(process.argv[2] ?? 1); round++) {
    await told("control", [recordingOf(1)], 1, control);
    for (const streams of [1, 4]) {
      const recordings = Array.from({ length: streams }, (_, i) => recordingOf(i + 1));
      await told(`${streams} stream${streams === 1 ? "" : "s"}`, recordings, streams, played);
    }
  }
}

async function told(
  what: string,
  recordings: readonly Recording[],
  streams: number,
  serve: (recordings: readonly Recording[], read: (port: number) => Promise<Times[]>) => Promise<Times[]>,
): Promise<void> {
  written.clear();
  const busy = process.cpuUsage();
  const arrived = await serve(recordings, async (port) => {
    // One after the other, so that the nth reader gets the nth recording.
    const readings: Promise<Times>[] = [];
    for (let n = 0; n < streams; n++) {
      readings.push(reading(port));
      await new Promise((done) => setTimeout(done, 100));
    }
    return Promise.all(readings);
  });
  const used = process.cpuUsage(busy);
  const errors = (times: readonly Times[]) => recordings.flatMap((recording, n) => errorsOf(recording, times[n] ?? new Map()));
  tell(`${what}, written`, errors([...written.values()]));
  tell(`${what}, arrived`, errors(arrived));
  process.stdout.write(`${what}, CPU of server and readers: ${((used.user + used.system) / 1000).toFixed(0)} ms\n`);
}

async function played(recordings: readonly Recording[], read: (port: number) => Promise<Times[]>): Promise<Times[]> {
  const stand = createStandIn(recordings, (id) => recordings.find((one) => one.id === id));
  await using server = await startPlayingServer({ speed: 1, answer: (request) => stand.answer(request) });
  return await read(Number(server.url.port));
}

async function control([recording]: readonly Recording[], read: (port: number) => Promise<Times[]>): Promise<Times[]> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.once("data", () => {
      const begun = performance.now();
      for (const { atMs, upstream } of recording?.response?.pieces ?? []) {
        while (performance.now() - begun < atMs);
        socket.write(upstream);
      }
      socket.end();
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  try {
    return await read((server.address() as AddressInfo).port);
  } finally {
    server.close();
  }
}

function tell(what: string, gaps: readonly number[]): void {
  const errors = gaps.toSorted((a, b) => a - b);
  const at = (share: number): string => `${(errors[Math.min(errors.length - 1, Math.floor(errors.length * share))] ?? 0).toFixed(3)} ms`;
  process.stdout.write(`${what}, ${errors.length} gaps: p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}, max ${at(1)}\n`);
}

function errorsOf(recording: Recording, times: Times): number[] {
  const pieces = recording.response?.pieces ?? [];
  return pieces.slice(1).map(({ atMs, seq }, i) => {
    const gap = (times.get(seq) ?? 0) - (times.get(seq - 1) ?? 0);
    return Math.abs(gap - (atMs - (pieces[i]?.atMs ?? 0)));
  });
}

function reading(port: number): Promise<Times> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: port });
    worker.once("error", reject);
    worker.once("message", resolve);
  });
}

function numbersIn(text: string): number[] {
  return [...text.matchAll(/"content":"(\d+)"/g)].map(([, seq]) => Number(seq));
}

/** Notes when each frame came, by the number in it. */
function read(port: number): void {
  const arrivals: Times = new Map();
  const socket = connect(port, "127.0.0.1", () =>
    socket.write(`POST /v1/chat/completions HTTP/1.1\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`),
  );
  socket.setNoDelay(true);
  socket.on("data", (chunk) => {
    const now = performance.now();
    for (const seq of numbersIn(chunk.toString())) arrivals.set(seq, arrivals.get(seq) ?? now);
  });
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origins
  socket.on("close", () => parentPort?.postMessage(arrivals));
}

if (isMainThread) await measure();
else read(workerData as number);
