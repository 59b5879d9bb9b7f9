/**
 * Real exchanges with llama-server, read back from test/streams/recordings: what was asked, and the
 * reply's bytes as they came from the socket.
 */
import fs from "node:fs";
import path from "node:path";

const CARRIED = path.resolve(import.meta.dirname, "../streams/recordings");
const SHARED = path.resolve(import.meta.dirname, "../../../shared/llama-server/recordings");

type Stored = string | { readonly utf8: string } | { readonly base64: string };

interface StoredRead {
  readonly t: number;
  readonly len?: number;
  readonly utf8?: string;
  readonly base64?: string;
}

export interface RecordedExchange {
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: readonly (readonly [string, string])[];
    readonly body?: Stored | null;
  };
  /** Null when no head came. */
  readonly response: {
    readonly http: string;
    readonly status: number;
    readonly reason: string;
    readonly headers: readonly (readonly [string, string])[];
    readonly framing: string;
    readonly complete: boolean;
    readonly body?: Stored;
  } | null;
  readonly socket: { readonly ended_by: string; readonly reads: readonly StoredRead[] };
}

/** Names of the recordings that the project carries. */
export function recordingNames(): string[] {
  return namesIn(CARRIED);
}

/** Every recording of the reference folder beside the checkout; empty where it is absent. */
export function sharedRecordings(): string[] {
  return fs.existsSync(SHARED) ? namesIn(SHARED) : [];
}

function namesIn(folder: string): string[] {
  return fs
    .readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .map((file) => file.slice(0, -".json".length))
    .sort();
}

/** The exchanges of one recording, the carried copy first. */
export function exchangesOf(name: string): readonly RecordedExchange[] {
  const carried = path.join(CARRIED, `${name}.json`);
  const file = fs.existsSync(carried) ? carried : path.join(SHARED, `${name}.json`);
  const recording = JSON.parse(fs.readFileSync(file, "utf8")) as { exchanges: RecordedExchange[] };
  return recording.exchanges;
}

/** The first exchange of a recording: most hold one. */
export function exchangeOf(name: string): RecordedExchange {
  const exchange = exchangesOf(name)[0];
  if (!exchange) throw new Error(`recording ${name} is empty`);
  return exchange;
}

function bytesOf(stored: Stored | StoredRead | null | undefined): Buffer {
  if (stored === null || stored === undefined) return Buffer.alloc(0);
  if (typeof stored === "string") return Buffer.from(stored, "utf8");
  if ("base64" in stored && stored.base64 !== undefined) return Buffer.from(stored.base64, "base64");
  return Buffer.from("utf8" in stored ? (stored.utf8 ?? "") : "", "utf8");
}

export function requestBody(exchange: RecordedExchange): Buffer {
  return bytesOf(exchange.request.body);
}

/** Path without the query string. */
export function requestPath(exchange: RecordedExchange): string {
  return exchange.request.path.split("?", 1)[0] ?? "";
}

/** Everything the server sent on the socket, head and chunk framing included. */
export function rawBytes(exchange: RecordedExchange): Buffer {
  const { reads } = exchange.socket;
  if (reads.length === 0 || reads[0]?.len === undefined) return Buffer.concat(reads.map(bytesOf));
  const { response } = exchange;
  if (!response) return Buffer.alloc(0);
  const lines = response.headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = Buffer.from(`${response.http} ${response.status} ${response.reason}\r\n${lines}\r\n`, "latin1");
  return Buffer.concat([head, bytesOf(response.body)]);
}

/** The HTTP chunks of a chunked reply: llama-server writes one per result. An unfinished last one is left out. */
export function httpChunks(exchange: RecordedExchange): Buffer[] {
  const raw = rawBytes(exchange);
  const chunks: Buffer[] = [];
  let at = raw.indexOf("\r\n\r\n") + 4;
  if (at < 4) return chunks;
  for (;;) {
    const lineEnd = raw.indexOf("\r\n", at);
    if (lineEnd < 0) return chunks;
    const length = Number.parseInt(raw.subarray(at, lineEnd).toString("latin1"), 16);
    const from = lineEnd + 2;
    if (!(length > 0) || raw.length < from + length) return chunks;
    chunks.push(raw.subarray(from, from + length));
    at = from + length + 2;
  }
}

/** The reply's body, chunk framing taken off. */
export function responseBody(exchange: RecordedExchange): Buffer {
  if (exchange.response?.framing === "chunked") return Buffer.concat(httpChunks(exchange));
  return bytesOf(exchange.response?.body);
}

export function isEventStream(exchange: RecordedExchange): boolean {
  return (exchange.response?.headers ?? []).some(
    ([name, value]) => name.toLowerCase() === "content-type" && value.startsWith("text/event-stream"),
  );
}
