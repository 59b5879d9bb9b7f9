/**
 * One fault, played on real sockets: a backend and a client that follow a script, the real sidecar
 * between them, and the count of what is left when it is over.
 */
import { channel } from "node:diagnostics_channel";
import type { EventEmitter } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect } from "vitest";
import type { Outcome } from "../../src/core/exchange.ts";
import { createRequestReader, type ReadRequest } from "../../src/demo/request-reader.ts";
import { openReader } from "../../src/recorder/reader.ts";
import { createRecorder } from "../../src/recorder/recorder.ts";
import type { Limits } from "../../src/sidecar/parts.ts";
import { chatRequest, jsonReply, sleep } from "../support/fake-llama.ts";
import { parseReply, send } from "../support/raw-client.ts";
import { startTestSidecar, type Seen } from "../support/sidecar.ts";
import { startControl } from "./control.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const MB = 1024 * 1024;

export interface Fault {
  /** What the backend does with a request; without it, a good reply. */
  readonly backend?: (socket: Socket, request: ReadRequest) => void | Promise<void>;
  /** Nothing listens where the backend should be. */
  readonly absent?: boolean;
  /** What the backend does with a connection, before any request. */
  readonly onConnection?: (socket: Socket) => void;
  /** What the client does; without it, one chat request, read to its end. */
  readonly client?: (arena: Arena) => Promise<void>;
  readonly limits?: Partial<Limits>;
  /** How the exchanges end, in any order; none for a request that never was one. */
  readonly outcomes: readonly Outcome[];
  /** Where the kernel decides what is heard first: each of `outcomes` may be any of these. */
  readonly either?: readonly Outcome[];
  /** Bytes that may be held while it goes on, in both ends and the sidecar together. */
  readonly memory?: number;
  /** The client leaves: the backend's sockets must be closed 50 ms later than without a sidecar. */
  readonly leaves?: boolean;
}

export interface Arena {
  readonly url: URL;
  /** Requests the backend has read in full. */
  readonly requests: readonly ReadRequest[];
  open(): Client;
  /** Marks the moment the client left. */
  left(): void;
  /** Resolves once the backend has read `count` requests. */
  asked(count?: number): Promise<void>;
  /** The reply of the client that is there when none is given. */
  readonly reply: { text: string; status: number; complete: boolean };
}

/** A client's bare socket. */
export interface Client {
  readonly socket: Socket;
  readonly text: () => string;
  readonly until: (part: string) => Promise<void>;
  readonly closed: () => Promise<void>;
}

export const CHAT = chatRequest();
export const WHOLE = chatRequest({ stream: false, tools: [] });

/** The bytes of a POST. */
export function post(path: string, body: string, extra = ""): string {
  return `POST ${path} HTTP/1.1\r\nHost: x\r\n${extra}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

export const ASK = post("/v1/chat/completions", CHAT);

/** Plays the fault and holds the sidecar to its promises. */
export async function survive(fault: Fault): Promise<{ seen: readonly Seen[]; arena: Arena; peak: number }> {
  const backend = await startBackend(fault);
  const folder = mkdtempSync(join(tmpdir(), "llama-proxy-fault-"));
  const db = join(folder, "fault.db");
  const recorder = createRecorder({ path: db, routes: "all" });
  // Silence is judged early only where it is the fault: a busy machine is silent too.
  const limits = { timeoutMs: fault.outcomes.includes("upstream-timeout") ? 400 : 10_000, ...fault.limits };
  const proxy = await startTestSidecar({ backend: backend.url, keepBytes: false, limits, sinks: [recorder] });
  const clients = new Set<Socket>();
  const listeners = countListeners();
  try {
    await serves(proxy.url);
    await quiet(() => backend.open === 0 && recorder.stats().state === "ok");
    const before = resources();
    const heardBefore = listeners.count();
    const warm = proxy.seen.length;
    await backend.play();
    const control = fault.leaves ? await startControl() : undefined;
    const memory = watchMemory();

    let leftAt = Number.NaN;
    let without: Promise<number> | undefined;
    const reply = { text: "", status: 0, complete: false };
    const arena: Arena = {
      url: proxy.url,
      requests: backend.requests,
      reply,
      open: () => openClient(proxy.url, clients),
      left() {
        leftAt = performance.now();
        without = control?.leave();
      },
      async asked(count = 1) {
        for (let i = 0; i < 2_000 && backend.requests.length < count; i++) await sleep(5);
      },
    };
    if (fault.client) await fault.client(arena);
    else {
      const got = await send(proxy.url, { method: "POST", path: "/v1/chat/completions", body: CHAT });
      Object.assign(reply, { text: got.body.toString("latin1"), status: got.status, complete: got.complete });
    }

    await proxy.ended(warm + fault.outcomes.length);
    const peak = memory.stop();
    if (fault.leaves) {
      await quiet(() => backend.open === 0);
      const late = backend.lastClose - leftAt - ((await without) ?? Number.NaN);
      expect(late, "milliseconds until the backend was left, beyond those without a sidecar").toBeLessThan(50);
    }
    await control?.[Symbol.asyncDispose]();
    for (const socket of clients) socket.destroy();
    const seen = proxy.seen.slice(warm);
    expect(seen.map((one) => one.ends.length)).toEqual(fault.outcomes.map(() => 1));
    const ended = seen.map((one) => one.ends[0]?.outcome);
    if (fault.either) expect(fault.either, "the outcome").toEqual(expect.arrayContaining(ended));
    else expect(ended.toSorted(compare)).toEqual(fault.outcomes.toSorted(compare));
    expect(peak, "bytes held at the peak").toBeLessThan(fault.memory ?? 64 * MB);

    await backend.heal();
    await serves(proxy.url);
    backend.dropAll();
    await quiet(() => proxy.sidecar.inFlight === 0 && leftovers(before).length === 0);
    expect(leftovers(before), "sockets, timers and other resources left").toEqual([]);
    expect(listeners.count(), "listeners of the process and the server").toEqual(heardBefore);
    expect(listeners.warnings, "warnings of too many listeners").toEqual([]);
    await recorder[Symbol.asyncDispose]();
    expect(recordedOutcomes(db, seen), "the outcomes in the record").toEqual(ended);
    return { seen, arena, peak };
  } finally {
    listeners.stop();
    for (const socket of clients) socket.destroy();
    await proxy[Symbol.asyncDispose]();
    await recorder[Symbol.asyncDispose]();
    await backend.stop();
    rmSync(folder, { recursive: true });
  }
}

/** How the recording file says that these ended. */
function recordedOutcomes(db: string, seen: readonly Seen[]): (string | undefined)[] {
  using reader = openReader(db);
  const outcomes = new Map(reader.list({ limit: 1000 }).map(({ id, outcome }) => [id, outcome]));
  return seen.map(({ start }) => outcomes.get(start.id));
}

/** Listeners on what outlives an exchange: the process and the sidecar's server, which is known from its first request on. */
function countListeners() {
  let server: Server | undefined;
  const warnings: string[] = [];
  const look = (message: unknown): void => void (server ??= (message as { server: Server }).server);
  const warned = ({ name, message }: Error): void => void (name === "MaxListenersExceededWarning" && warnings.push(message));
  const sum = (emitter: EventEmitter): number => emitter.eventNames().reduce((all, name) => all + emitter.listenerCount(name), 0);
  channel("http.server.request.start").subscribe(look);
  process.on("warning", warned);
  return {
    warnings,
    count: () => ({ process: sum(process), server: server && sum(server) }),
    stop() {
      channel("http.server.request.start").unsubscribe(look);
      process.off("warning", warned);
    },
  };
}

const compare = (a = "", b = ""): number => (a < b ? -1 : Number(a > b));

/** The next request is served. */
async function serves(url: URL): Promise<void> {
  const got = await send(url, { method: "POST", path: "/v1/chat/completions", body: WHOLE });
  expect([got.status, got.body.toString()]).toEqual([200, '{"choices":[]}']);
}

async function startBackend(fault: Fault) {
  const requests: ReadRequest[] = [];
  const sockets = new Set<Socket>();
  let playing = false;
  let lastClose = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      lastClose = performance.now();
    });
    if (playing && fault.onConnection) {
      fault.onConnection(socket);
      return;
    }
    const reader = createRequestReader((request) => {
      if (request.path === "/props") {
        socket.end(jsonReply('{"default_generation_settings":{"n_ctx":8192}}'));
        return;
      }
      if (playing) requests.push(request);
      if (playing && fault.backend) void fault.backend(socket, request);
      else socket.end(jsonReply('{"choices":[]}', "200 OK", "Connection: close\r\n"));
    });
    socket.on("data", (chunk: Buffer) => reader.push(chunk));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    requests,
    get open() {
      return sockets.size;
    },
    get lastClose() {
      return lastClose;
    },
    async play() {
      playing = true;
      if (fault.absent) await new Promise((done) => server.close(done));
    },
    async heal() {
      playing = false;
      if (fault.absent) await new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
    },
    dropAll: () => sockets.forEach((socket) => socket.destroy()),
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

function openClient(url: URL, all: Set<Socket>): Client {
  const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
  all.add(socket);
  let text = "";
  socket.on("error", () => {}).on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
  const closed = new Promise<void>((done) => socket.once("close", () => done()));
  return {
    socket,
    text: () => text,
    closed: () => closed,
    async until(part) {
      for (let i = 0; i < 5_000 && !text.includes(part); i++) await sleep(2);
      expect(text).toContain(part);
    },
  };
}

/** What keeps the process awake, by kind. */
export function resources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** Kinds of which there are more than before. */
export function leftovers(before: Record<string, number>): string[] {
  return Object.entries(resources())
    .filter(([kind, count]) => count > (before[kind] ?? 0))
    .map(([kind, count]) => `${kind}: ${before[kind] ?? 0} → ${count}`);
}

async function quiet(settled: () => boolean): Promise<void> {
  for (let i = 0; i < 1_000 && !settled(); i++) await sleep(10);
}

function watchMemory(): { stop: () => number } {
  const held = (): number => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  collectGarbage();
  const start = held();
  let peak = 0;
  const look = (): void => {
    let now = held() - start;
    // Only what is still held after a collection counts; collecting at each look would slow the traffic down.
    if (now > peak && now > 32 * MB) {
      collectGarbage();
      now = held() - start;
    }
    peak = Math.max(peak, now);
  };
  const timer = setInterval(look, 20);
  return {
    stop() {
      clearInterval(timer);
      look();
      return peak;
    },
  };
}

/** The reply a client has so far. */
export function replyOf(client: Client): { status: number; body: string; complete: boolean } {
  const { status, body, complete } = parseReply(Buffer.from(client.text(), "latin1"), "POST", client.socket.destroyed);
  return { status, body: body.toString("latin1"), complete };
}
