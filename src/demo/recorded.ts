/**
 * Recordings of a real llama-server: what it was asked, and every byte it said with the time at
 * which the bytes arrived. The format is documented in docs/recordings.md.
 */
import { readFileSync, readdirSync } from "node:fs";

export interface RecordedCall {
  /** Name of the recording it comes from. */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  /** Pairs as sent. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
  /** What came back: raw bytes of the connection, head included; `t` in milliseconds since the request began. */
  readonly reads: readonly { readonly t: number; readonly data: Buffer }[];
  /** Whether the backend ended the reply properly. */
  readonly complete: boolean;
  /** Who closed the connection. */
  readonly endedBy: string;
}

interface RecordingFile {
  name: string;
  exchanges: ExchangeJson[];
}

interface BytesJson {
  utf8?: string;
  base64?: string;
}

interface ExchangeJson {
  request: { method: string; path: string; headers: [string, string][] | string; body?: string | BytesJson | null };
  response?: { http: string; status: number; reason: string; headers: [string, string][]; complete?: boolean; body?: BytesJson | null };
  socket: { ended_by: string; reads: (BytesJson & { t: number; len?: number })[] };
}

function bytesOf(value: string | BytesJson | null | undefined): Buffer {
  if (value === undefined || value === null) return Buffer.alloc(0);
  if (typeof value === "string") return Buffer.from(value, "utf8");
  return value.base64 === undefined ? Buffer.from(value.utf8 ?? "", "utf8") : Buffer.from(value.base64, "base64");
}

function readsOf(exchange: ExchangeJson): RecordedCall["reads"] {
  const { reads } = exchange.socket;
  const { response } = exchange;
  if (!response || reads[0]?.len === undefined) return reads.map((read) => ({ t: read.t, data: bytesOf(read) }));
  // Replies with a known length hold head and body once, and the reads only lengths.
  const head = `${response.http} ${response.status} ${response.reason}\r\n${response.headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
  const all = Buffer.concat([Buffer.from(head, "latin1"), bytesOf(response.body)]);
  let at = 0;
  return reads.map((read) => {
    const data = all.subarray(at, at + (read.len ?? 0));
    at += read.len ?? 0;
    return { t: read.t, data };
  });
}

/** The calls of one recording file. Throws when the file is not a recording. */
export function parseRecording(text: string): RecordedCall[] {
  const file = JSON.parse(text) as RecordingFile;
  return file.exchanges.map((exchange) => ({
    name: file.name,
    method: exchange.request.method,
    path: exchange.request.path,
    // "(110 headers)": left out of the recording.
    headers: typeof exchange.request.headers === "string" ? [] : exchange.request.headers,
    body: bytesOf(exchange.request.body),
    reads: readsOf(exchange),
    complete: exchange.response?.complete === true,
    endedBy: exchange.socket.ended_by,
  }));
}

/** Every recording in a folder, by name. */
export function loadRecordings(folder: URL): Map<string, RecordedCall[]> {
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return new Map(files.map((file) => [file.replace(/\.json$/, ""), parseRecording(readFileSync(new URL(file, folder), "utf8"))]));
}
