/** A recorded reply as bytes on the wire: head, chunk framing and times, and the faults that are asked for. */
import { STATUS_CODES } from "node:http";
import type { Recording } from "../core/recording.ts";
import type { Playback } from "../demo/playing-server.ts";
import { headerOf, mediaType, withoutHeaders, type RawHeaders } from "../wire/headers.ts";
import { recut, type Recut } from "./recut.ts";

export interface Faults {
  /** Absent: the recorded frames, those of one moment in one chunk. */
  readonly recut?: Recut | undefined;
  /** The connection is cut before this frame (from 0). */
  readonly dropAt?: number | undefined;
  /** Silence before a frame (from 0), in unscaled milliseconds. */
  readonly stallAt?: { readonly frame: number; readonly ms: number } | undefined;
}

interface TimedBytes {
  readonly atMs: number;
  readonly bytes: Uint8Array;
}

/** What the backend said, with `extra` headers behind its own. No reply was recorded: the connection is cut. */
export function playbackOf(recording: Recording, extra: RawHeaders, faults: Faults): Playback {
  const { response, details } = recording;
  if (!response) return { writes: [], end: "cut" };
  const pieces = response.pieces.filter((piece) => piece.upstream.length > 0).map(({ atMs, upstream }) => ({ atMs, bytes: upstream }));
  const { dropAt, stallAt } = faults;
  const kept = dropAt === undefined ? pieces : pieces.slice(0, dropAt);
  const late = kept.map(({ atMs, bytes }, i) => ({ atMs: stallAt && i >= stallAt.frame ? atMs + stallAt.ms : atMs, bytes }));
  const timed = faults.recut ? recutTimed(late, faults.recut) : joinMoments(late);

  const whole = recording.outcome === "completed" && !recording.truncated && (dropAt === undefined || dropAt >= pieces.length);
  const chunked = isChunked(response.headers);
  const headMs = numberOf(details["headMs"]) ?? timed[0]?.atMs ?? 0;
  const endMs = Math.max(timed.at(-1)?.atMs ?? headMs, dropAt === undefined ? (numberOf(details["upstreamEndMs"]) ?? 0) : 0);
  const writes: TimedBytes[] = [{ atMs: Math.min(headMs, timed[0]?.atMs ?? headMs), bytes: headBytes(response, extra) }];
  for (const { atMs, bytes } of timed) writes.push({ atMs, bytes: chunked ? chunkBytes(bytes) : bytes });
  if (whole && chunked) writes.push({ atMs: endMs, bytes: LAST_CHUNK });
  return { writes, end: whole ? endOf(response.headers, response.framed) : "cut" };
}

/** A reply of our own. */
export function jsonPlayback(status: number, body: unknown, extra: RawHeaders): Playback {
  const bytes = Buffer.from(JSON.stringify(body));
  const headers = [
    "Server",
    "llama.cpp",
    "Content-Type",
    "application/json; charset=utf-8",
    "Content-Length",
    String(bytes.length),
    ...(status >= 400 ? ["Connection", "close"] : ["Keep-Alive", "timeout=5, max=100"]),
  ];
  return {
    writes: [{ atMs: 0, bytes: Buffer.concat([headBytes({ status, headers }, extra), bytes]) }],
    end: status >= 400 ? "close" : "keep",
  };
}

const LAST_CHUNK = Buffer.from("0\r\n\r\n");

/** Neither a length nor chunks were recorded (HTTP/2, or a close as the end): chunks then. */
function isChunked(headers: RawHeaders): boolean {
  return headerOf(headers, "content-length") === undefined;
}

/** llama-server closes after every stream and every error, whatever its head says. */
function endOf(headers: RawHeaders, framed: boolean): Playback["end"] {
  const closes = headerOf(headers, "connection")?.toLowerCase().includes("close") === true;
  return closes || framed || mediaType(headerOf(headers, "content-type")) === "text/event-stream" ? "close" : "keep";
}

function headBytes({ status, headers }: { readonly status: number; readonly headers: RawHeaders }, extra: RawHeaders): Buffer {
  const own = isChunked(headers) ? [...withoutHeaders(headers, new Set(["transfer-encoding"])), "Transfer-Encoding", "chunked"] : headers;
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n`;
  const all = [...own, ...extra];
  for (let i = 0; i + 1 < all.length; i += 2) head += `${all[i]}: ${all[i + 1]}\r\n`;
  return Buffer.from(`${head}\r\n`, "latin1");
}

function chunkBytes(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
}

/** Frames that came in one read leave in one chunk. */
function joinMoments(pieces: readonly TimedBytes[]): TimedBytes[] {
  const joined: TimedBytes[] = [];
  for (const piece of pieces) {
    const last = joined.at(-1);
    if (last?.atMs === piece.atMs) joined[joined.length - 1] = { atMs: last.atMs, bytes: Buffer.concat([last.bytes, piece.bytes]) };
    else joined.push(piece);
  }
  return joined;
}

/** A cut leaves when the recorded piece that holds its last byte did. */
function recutTimed(pieces: readonly TimedBytes[], how: Recut): TimedBytes[] {
  const cuts: TimedBytes[] = [];
  let piece = 0;
  let end = pieces[0]?.bytes.length ?? 0;
  let at = 0;
  const bodies = pieces.map(({ bytes }) => bytes);
  for (const bytes of recut(bodies, how)) {
    at += bytes.length;
    while (at > end && piece + 1 < pieces.length) {
      piece += 1;
      end += pieces[piece]?.bytes.length ?? 0;
    }
    cuts.push({ atMs: pieces[piece]?.atMs ?? 0, bytes });
  }
  return cuts;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
