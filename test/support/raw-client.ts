import { connect, type Socket } from "node:net";

/** An HTTP/1.1 reply as it stood on the wire. */
export interface RawReply {
  readonly statusLine: string;
  readonly status: number;
  /** Name, value, …, latin1. */
  readonly headers: readonly string[];
  readonly body: Buffer;
  readonly trailers: readonly string[];
  /** The end mark (length reached, last chunk, or a close where closing is the framing) was seen. */
  readonly complete: boolean;
  /** Heads of 1xx answers that came before. */
  readonly interim: readonly string[];
  /** Everything, undecoded. */
  readonly bytes: Buffer;
}

export interface RawRequest {
  readonly method?: string;
  readonly path: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: Uint8Array | string;
  /** Called with everything received so far; true closes the socket. */
  readonly leaveWhen?: (received: Buffer) => boolean;
}

/** Sends bytes as they are and reads until the connection closes or the reply is complete. */
export async function rawExchange(
  url: URL,
  bytes: Uint8Array,
  request: { method: string; leaveWhen?: (received: Buffer) => boolean },
): Promise<RawReply> {
  const { promise, resolve, reject } = Promise.withResolvers<RawReply>();
  const socket: Socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
  let received: Buffer = Buffer.alloc(0);
  socket.on("connect", () => socket.write(bytes));
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (request.leaveWhen?.(received)) {
      socket.destroy();
      return;
    }
    const reply = parseReply(received, request.method, false);
    if (reply.complete) {
      socket.end();
      resolve(reply);
    }
  });
  socket.on("error", (cause: NodeJS.ErrnoException) => (received.length > 0 || cause.code === "ECONNRESET" ? undefined : reject(cause)));
  socket.on("close", () => resolve(parseReply(received, request.method, true)));
  return promise;
}

/** Headers are sent as given; Host and Content-Length are added where missing. */
export function send(url: URL, request: RawRequest): Promise<RawReply> {
  const method = request.method ?? "GET";
  const body = Buffer.from(request.body ?? "");
  const headers = [...(request.headers ?? [])];
  const has = (name: string): boolean => headers.some(([key]) => key.toLowerCase() === name);
  if (!has("host")) headers.unshift(["Host", url.host]);
  if (body.length > 0 && !has("content-length") && !has("transfer-encoding")) headers.push(["Content-Length", String(body.length)]);
  const head = `${method} ${request.path} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
  const bytes = Buffer.concat([Buffer.from(head, "latin1"), body]);
  return rawExchange(url, bytes, { method, ...(request.leaveWhen ? { leaveWhen: request.leaveWhen } : {}) });
}

export function headerIn(headers: readonly string[], name: string): string | undefined {
  const at = headers.findIndex((text, i) => i % 2 === 0 && text.toLowerCase() === name.toLowerCase());
  return at < 0 ? undefined : headers[at + 1];
}

export function parseReply(bytes: Buffer, method: string, closed: boolean): RawReply {
  const interim: string[] = [];
  let from = 0;
  for (;;) {
    const headEnd = bytes.indexOf("\r\n\r\n", from);
    if (headEnd < 0)
      return { statusLine: "", status: 0, headers: [], body: Buffer.alloc(0), trailers: [], complete: false, interim, bytes };
    const head = bytes.toString("latin1", from, headEnd);
    const [statusLine = "", ...lines] = head.split("\r\n");
    const status = Number(statusLine.split(" ")[1]);
    from = headEnd + 4;
    if (status < 200) {
      interim.push(head);
      continue;
    }
    const headers = pairs(lines);
    const shared = { statusLine, status, headers, interim, bytes };
    const length = headerIn(headers, "content-length");
    if (method === "HEAD" || status === 204 || status === 304) return { ...shared, body: Buffer.alloc(0), trailers: [], complete: true };
    if (headerIn(headers, "transfer-encoding")?.toLowerCase() === "chunked") return { ...shared, ...dechunk(bytes, from) };
    if (length !== undefined) {
      const body = bytes.subarray(from, from + Number(length));
      return { ...shared, body, trailers: [], complete: body.length === Number(length) };
    }
    return { ...shared, body: bytes.subarray(from), trailers: [], complete: closed };
  }
}

function pairs(lines: readonly string[]): string[] {
  return lines.flatMap((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
  });
}

function dechunk(bytes: Buffer, from: number): { body: Buffer; trailers: string[]; complete: boolean } {
  const parts: Buffer[] = [];
  let at = from;
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) break;
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    const dataAt = lineEnd + 2;
    if (size === 0) {
      const end = bytes.indexOf("\r\n", dataAt) === dataAt ? dataAt : bytes.indexOf("\r\n\r\n", dataAt);
      if (end < 0) break;
      const trailers = end === dataAt ? [] : pairs(bytes.toString("latin1", dataAt, end).split("\r\n"));
      return { body: Buffer.concat(parts), trailers, complete: true };
    }
    parts.push(bytes.subarray(dataAt, Math.min(dataAt + size, bytes.length)));
    if (bytes.length < dataAt + size + 2) break;
    at = dataAt + size + 2;
  }
  return { body: Buffer.concat(parts), trailers: [], complete: false };
}
