/** Recordings in the forms other programs read: a curl command, an HTTP archive. */
import { STATUS_CODES } from "node:http";
import type { Recording } from "../core/recording.ts";
import { headerOf, REDACTED, withoutHeaders, withoutHopByHop, type RawHeaders } from "../wire/headers.ts";
import { headersJson } from "./format.ts";

/** Headers that belonged to the connection then, or that whoever asks again makes itself. */
export const OF_ITS_TIME: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "accept-encoding",
  "expect",
  "traceparent",
  "tracestate",
  "baggage",
]);

/** One command for a POSIX shell that asks `origin` the same again. Keys were never recorded: they are read from the environment. */
export function curlOf(recording: Recording, origin: string): string {
  const { method, path, request } = recording;
  const words = ["curl", "-sN", "-X", method, quoted(`${origin}${path.replaceAll(REDACTED, "redacted")}`)];
  for (const [name, value] of headersJson(withoutHeaders(withoutHopByHop(request.headers), OF_ITS_TIME))) {
    if (!value.includes(REDACTED)) words.push("-H", quoted(`${name}: ${value}`));
    else if (name.toLowerCase() === "authorization") words.push("-H", '"Authorization: Bearer $LLAMA_API_KEY"');
    else if (name.toLowerCase() === "x-api-key") words.push("-H", '"X-Api-Key: $LLAMA_API_KEY"');
  }
  if (request.body.length === 0) return words.join(" ");
  const text = Buffer.from(request.body).toString("utf8");
  // Bytes that are no text cannot stand in a shell word.
  if (!Buffer.from(text, "utf8").equals(request.body) || text.includes("\0"))
    return `printf %s ${Buffer.from(request.body).toString("base64")} | base64 -d | ${[...words, "--data-binary", "@-"].join(" ")}`;
  return [...words, "--data-binary", quoted(text.startsWith("@") ? ` ${text}` : text)].join(" ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** HAR 1.2 (w3c.github.io/web-performance/specs/HAR). Bodies are what the client got; times are the recorded ones. */
export function harOf(recordings: Iterable<Recording>, version: string): Record<string, unknown> {
  return {
    log: {
      version: "1.2",
      creator: { name: "llama-proxy", version },
      entries: Array.from(recordings, entryOf),
    },
  };
}

function entryOf(recording: Recording): Record<string, unknown> {
  const { request, response, metrics, details } = recording;
  const httpVersion = `HTTP/${typeof details["httpVersion"] === "string" ? details["httpVersion"] : "1.1"}`;
  const sent = Buffer.concat((response?.pieces ?? []).map((piece) => piece.sent));
  const host = headerOf(request.headers, "host") ?? "localhost";
  const ms = (name: string): number => (typeof details[name] === "number" ? details[name] : 0);
  const wait = Math.max(0, ms("headMs") - ms("upstreamSentMs"));
  const send = ms("upstreamSentMs");
  return {
    startedDateTime: new Date(recording.startedAt).toISOString(),
    time: metrics.durationMs,
    request: {
      method: recording.method,
      url: `http://${host}${recording.path}`,
      httpVersion,
      cookies: [],
      headers: nameValue(request.headers),
      queryString: [...new URL(recording.path, "http://x").searchParams].map(([name, value]) => ({ name, value })),
      ...(request.body.length === 0
        ? {}
        : {
            postData: {
              mimeType: headerOf(request.headers, "content-type") ?? "application/json",
              text: Buffer.from(request.body).toString("utf8"),
            },
          }),
      headersSize: -1,
      bodySize: request.body.length,
    },
    response: {
      status: response?.status ?? 0,
      statusText: STATUS_CODES[response?.status ?? 0] ?? "",
      httpVersion,
      cookies: [],
      headers: nameValue(response?.headers ?? []),
      content: { size: sent.length, mimeType: headerOf(response?.headers ?? [], "content-type") ?? "", ...textOf(sent) },
      redirectURL: "",
      headersSize: -1,
      bodySize: sent.length,
    },
    cache: {},
    timings: { send, wait, receive: Math.max(0, metrics.durationMs - send - wait) },
    comment: recording.id,
    _outcome: recording.outcome,
    _frames: response?.framed ? response.pieces.map(({ atMs, sent: bytes }) => ({ at_ms: atMs, bytes: bytes.length })) : undefined,
  };
}

function textOf(bytes: Buffer): Record<string, string> {
  const text = bytes.toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes) ? { text } : { text: bytes.toString("base64"), encoding: "base64" };
}

function nameValue(headers: RawHeaders): { name: string; value: string }[] {
  return headersJson(headers).map(([name, value]) => ({ name, value }));
}
