import { createServer, type AddressInfo } from "node:net";

/** What came over one backend, byte by byte and by the letter of RFC 9112. */
export interface StrictBackend extends AsyncDisposable {
  readonly port: number;
  /** Requests that are well-formed, in order. */
  readonly requests: StrictRequest[];
  /** What was not: why, and the bytes. */
  readonly malformed: string[];
  reset(): void;
}

export interface StrictRequest {
  readonly method: string;
  readonly target: string;
  /** Name in lower case and value. */
  readonly fields: readonly (readonly [string, string])[];
  readonly body: string;
}

/** A server that answers each well-formed request with 200 and takes nothing else for one. */
export async function startStrictBackend(): Promise<StrictBackend> {
  const requests: StrictRequest[] = [];
  const malformed: string[] = [];
  const server = createServer((socket) => {
    let held = "";
    socket
      .on("error", () => {})
      .on("data", (chunk: Buffer) => {
        held += chunk.toString("latin1");
        for (;;) {
          const read = readRequest(held);
          if (read === undefined) return;
          if (typeof read === "string") {
            malformed.push(`${read}: ${JSON.stringify(held.slice(0, 200))}`);
            socket.destroy();
            return;
          }
          held = held.slice(read.bytes);
          requests.push(read.request);
          socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok");
        }
      });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    malformed,
    reset() {
      requests.length = 0;
      malformed.length = 0;
    },
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const REQUEST_LINE = new RegExp(`^(${TOKEN}) ([\\x21-\\x7e\\x80-\\xff]+) HTTP/1\\.[01]$`);
const FIELD = new RegExp(`^(${TOKEN}):[ \\t]*([\\x20-\\x7e\\x80-\\xff\\t]*?)[ \\t]*$`);

/** Undefined: not whole yet. A text: why it is no request. */
function readRequest(held: string): { request: StrictRequest; bytes: number } | string | undefined {
  const headEnd = held.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = held.slice(0, headEnd);
  if (/\r(?!\n)|(?<!\r)\n/.test(head)) return "bare CR or LF";
  const [first = "", ...lines] = head.split("\r\n");
  const [, method = "", target = ""] = REQUEST_LINE.exec(first) ?? [];
  if (method === "") return "request line";
  const fields: [string, string][] = [];
  for (const line of lines) {
    const [, name, value] = FIELD.exec(line) ?? [];
    if (name === undefined || value === undefined) return `field line ${JSON.stringify(line)}`;
    fields.push([name.toLowerCase(), value]);
  }
  const valuesOf = (name: string): string[] => fields.filter(([key]) => key === name).map(([, value]) => value);
  const lengths = valuesOf("content-length");
  const codings = valuesOf("transfer-encoding");
  if (lengths.length + codings.length > 1) return "more than one framing";
  if (valuesOf("host").length > 1) return "more than one Host";
  const from = headEnd + 4;
  if (codings.length > 0) {
    if (codings[0]?.toLowerCase() !== "chunked") return "transfer coding";
    const read = readChunks(held, from);
    return read === undefined || typeof read === "string"
      ? read
      : { request: { method, target, fields, body: read.body }, bytes: read.end };
  }
  if (lengths[0] !== undefined && !/^\d+$/.test(lengths[0])) return "content-length";
  const end = from + Number(lengths[0] ?? 0);
  return held.length < end ? undefined : { request: { method, target, fields, body: held.slice(from, end) }, bytes: end };
}

function readChunks(held: string, from: number): { body: string; end: number } | string | undefined {
  let at = from;
  let body = "";
  for (;;) {
    const lineEnd = held.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const line = held.slice(at, lineEnd);
    if (!/^[0-9a-f]+$/i.test(line)) return "chunk size";
    const size = Number.parseInt(line, 16);
    const dataAt = lineEnd + 2;
    if (size === 0) {
      if (held.length < dataAt + 2) return undefined;
      // Trailers are legal; none is what a gateway should let through unseen.
      const end = held.startsWith("\r\n", dataAt) ? dataAt : held.indexOf("\r\n\r\n", dataAt) + 2;
      return end < 2 ? undefined : { body, end: end + 2 };
    }
    if (held.length < dataAt + size + 2) return undefined;
    if (held.slice(dataAt + size, dataAt + size + 2) !== "\r\n") return "chunk end";
    body += held.slice(dataAt, dataAt + size);
    at = dataAt + size + 2;
  }
}
