/** A request as it stood on the wire. */
export interface ReadRequest {
  readonly method: string;
  readonly path: string;
  /** Name, value, name, value …, as sent. */
  readonly headers: readonly string[];
  readonly body: Buffer;
}

/**
 * Reads HTTP/1.1 requests off a connection, one after another, keeping every header byte. Enough
 * for a stand-in backend behind a well-behaved client; it judges nothing.
 */
export function createRequestReader(onRequest: (request: ReadRequest) => void): { push(chunk: Buffer): void } {
  let held: Buffer = Buffer.alloc(0);
  return {
    push(chunk) {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      for (;;) {
        const parsed = parse(held);
        if (!parsed) return;
        held = held.subarray(parsed.bytes);
        onRequest(parsed.request);
      }
    },
  };
}

function parse(buffer: Buffer): { request: ReadRequest; bytes: number } | undefined {
  const headEnd = buffer.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const [first = "", ...lines] = buffer.toString("latin1", 0, headEnd).split("\r\n");
  const [method = "", path = ""] = first.split(" ");
  const headers = lines.flatMap((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const valueOf = (name: string): string | undefined => {
    const at = headers.findIndex((text, i) => i % 2 === 0 && text.toLowerCase() === name);
    return at < 0 ? undefined : headers[at + 1];
  };
  const from = headEnd + 4;
  if (valueOf("transfer-encoding")?.toLowerCase() === "chunked") {
    const chunked = readChunked(buffer, from);
    return chunked && { request: { method, path, headers, body: chunked.body }, bytes: chunked.end };
  }
  const length = Number(valueOf("content-length") ?? 0);
  if (buffer.length < from + length) return undefined;
  return { request: { method, path, headers, body: Buffer.from(buffer.subarray(from, from + length)) }, bytes: from + length };
}

function readChunked(buffer: Buffer, from: number): { body: Buffer; end: number } | undefined {
  const parts: Buffer[] = [];
  let at = from;
  for (;;) {
    const lineEnd = buffer.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(buffer.toString("latin1", at, lineEnd), 16);
    const dataAt = lineEnd + 2;
    if (buffer.length < dataAt + size + 2) return undefined;
    if (size === 0) return { body: Buffer.concat(parts), end: dataAt + 2 };
    parts.push(buffer.subarray(dataAt, dataAt + size));
    at = dataAt + size + 2;
  }
}
