/** Requests that are odd, wrong or hostile, byte by byte; and how the sidecar is to take them. */
import { connect } from "node:net";

export interface Probe {
  readonly name: string;
  readonly bytes: string;
  /** Status of the first answer, 0 for a connection closed without one. */
  readonly status: number;
  /** Well-formed requests that reach the backend. */
  readonly upstream: number;
}

const post = (fields: string, body: string, path = "/p"): string => `POST ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n${body}`;
const get = (target: string, fields = ""): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
const refused = (name: string, bytes: string, status = 400): Probe => ({ name, bytes, status, upstream: 0 });
const passed = (name: string, bytes: string, upstream = 1): Probe => ({ name, bytes, status: 200, upstream });

export const PROBES: readonly Probe[] = [
  passed("plain GET", get("/p")),
  passed("two requests at once", get("/1") + get("/2"), 2),

  refused("CL and TE", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", `0\r\n\r\n${SMUGGLED}`)),
  refused("TE and CL", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", `0\r\n\r\n${SMUGGLED}`)),
  refused("TE: xchunked", post("Transfer-Encoding: xchunked\r\n", `0\r\n\r\n${SMUGGLED}`)),
  refused("TE: chunked, identity", post("Transfer-Encoding: chunked, identity\r\n", `0\r\n\r\n${SMUGGLED}`)),
  refused("TE twice, the second not chunked", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", `0\r\n\r\n${SMUGGLED}`)),
  refused("TE with a blank before the colon", post("Transfer-Encoding : chunked\r\n", `0\r\n\r\n${SMUGGLED}`)),
  refused("TE with a vertical tab", post("Transfer-Encoding: \x0bchunked\r\n", `0\r\n\r\n${SMUGGLED}`)),
  refused("TE and CL, TE folded", post("Content-Length: 5\r\nTransfer-Encoding:\r\n chunked\r\n", `0\r\n\r\n${SMUGGLED}`)),

  refused("two equal CL", post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc")),
  refused("two CL that differ", post("Content-Length: 3\r\nContent-Length: 9\r\n", `abc${SMUGGLED}`)),
  refused("CL: 3, 3", post("Content-Length: 3, 3\r\n", "abc")),
  refused("CL: +3", post("Content-Length: +3\r\n", "abc")),
  refused("CL: -1", post("Content-Length: -1\r\n", "abc")),
  refused("CL: 0x3", post("Content-Length: 0x3\r\n", "abc")),
  refused("CL empty", post("Content-Length:\r\n", SMUGGLED)),
  refused("CL beyond all numbers", post("Content-Length: 99999999999999999999999\r\n", "abc")),

  refused("obs-fold", get("/p", "X-A: 1\r\n 2\r\n")),
  refused("bare LF line ends", "GET /p HTTP/1.1\nHost: a\n\n"),
  refused("bare CR in a value", get("/p", "X-A: 1\rX-B: 2\r\n")),
  refused("NUL in a value", get("/p", "X-A: 1\x002\r\n")),
  refused("NUL in a name", get("/p", "X\0A: 1\r\n")),
  refused("NUL in the target", get("/p\0q")),
  refused("blank in a name", get("/p", "X A: 1\r\n")),
  refused("no colon", get("/p", "XA\r\n")),
  refused("no name", get("/p", ": 1\r\n")),
  refused("a field before the first line ends", get("/p X-A: 1")),

  refused("chunk size zz", post("Transfer-Encoding: chunked\r\n", "zz\r\nabc\r\n0\r\n\r\n")),
  refused("chunk size -3", post("Transfer-Encoding: chunked\r\n", "-3\r\nabc\r\n0\r\n\r\n")),
  refused("chunk size 0x3", post("Transfer-Encoding: chunked\r\n", "0x3\r\nabc\r\n0\r\n\r\n")),
  refused("chunk size with a blank", post("Transfer-Encoding: chunked\r\n", "3 \r\nabc\r\n0\r\n\r\n")),
  refused("chunk size beyond all numbers", post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff3\r\nabc\r\n0\r\n\r\n")),
  refused("chunk size ended by LF", post("Transfer-Encoding: chunked\r\n", "3\nabc\r\n0\r\n\r\n")),
  refused("chunk extension with LF", post("Transfer-Encoding: chunked\r\n", "3;a=\nb\r\nabc\r\n0\r\n\r\n")),
  refused("chunk data without its line end", post("Transfer-Encoding: chunked\r\n", "3\r\nabcd\r\n0\r\n\r\n")),
  passed("chunk extensions", post("Transfer-Encoding: chunked\r\n", "3;a=b\r\nabc\r\n0\r\n\r\n")),
  passed("trailers", post("Transfer-Encoding: chunked\r\nTrailer: X-T\r\n", "3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n")),
  refused("CL in the trailers", post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n")),

  passed("absolute-form", get("http://a/p")),
  passed("absolute-form with another Host", get("http://b/p")),
  refused("authority-form", get("a:80")),
  passed("asterisk-form", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
  passed("dot segments", get("/x/../y/%2e%2e/z")),
  passed("double slashes and backslashes", get("//x\\y")),
  passed("encoded line end in the target", get("/p%0d%0aX-A:%201")),
  refused("blank in the target", get("/a b")),
  refused("a control character in the target", get("/a\x01b")),
  passed("a fragment in the target", get("/a#b")),

  passed("Connection names a field", get("/p", "Connection: X-Hop\r\nX-Hop: 1\r\n")),
  passed("Connection names the framing", post("Connection: close, Content-Length\r\nContent-Length: 3\r\n", "abc")),
  passed("Connection names TE", post("Connection: close, Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n")),
  passed("Connection names Host", get("/p", "Connection: close, Host\r\n")),
  passed("TE: trailers", get("/p", "TE: trailers\r\nConnection: TE\r\n")),

  passed("Expect: 100-continue", post("Expect: 100-continue\r\nContent-Length: 3\r\n", "abc")),
  refused("Expect: the unexpected", post("Expect: 200-ok\r\nContent-Length: 3\r\nConnection: close\r\n", "abc"), 417),
  passed("Upgrade: websocket", get("/p", "Connection: Upgrade\r\nUpgrade: websocket\r\n")),
  passed("Upgrade: h2c", get("/p", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n")),
  refused("CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501),
  refused("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  passed("TRACE", "TRACE /p HTTP/1.1\r\nHost: a\r\n\r\n"),

  refused("HTTP/1.9", "GET /p HTTP/1.9\r\nHost: a\r\n\r\n"),
  refused("HTTP/2.0 in the line", "GET /p HTTP/2.0\r\nHost: a\r\n\r\n", 505),
  refused("HTTP/0.9", "GET /p\r\n\r\n", 505),
  refused("chunked over HTTP/1.0", "POST /p HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
  refused("an unknown method", "FOO /p HTTP/1.1\r\nHost: a\r\n\r\n"),
  refused("two Host fields", "GET /p HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
  passed("no Host", "GET /p HTTP/1.1\r\n\r\n"),
  passed("empty lines before the request", `\r\n\r\n${get("/p")}`),
  refused("a blank before the request", ` ${get("/p")}`),
  passed("GET with a body", get("/p", "Content-Length: 3\r\n") + "abc"),
  passed("a request in a GET's body stays its body", get("/p", `Content-Length: ${SMUGGLED.length}\r\n`) + SMUGGLED),
  refused("3,000 fields", get("/p", `${"a: b\r\n".repeat(3_000)}X-Last: 1\r\n`), 431),
  refused("fields of 80 KB", get("/p", `X-A: ${"y".repeat(80_000)}\r\n`), 431),
];

const QUIET_MS = 150;
const PATIENCE_MS = 5_000;

/** Sends the bytes and listens until the connection closes, or nothing more comes behind `answers` answers. */
export async function fire(port: number, bytes: string, answers = 1): Promise<{ statuses: number[]; text: string }> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let text = "";
  const { promise, resolve } = Promise.withResolvers<void>();
  let timer = setTimeout(resolve, PATIENCE_MS);
  socket.on("error", () => {}).on("close", () => resolve());
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
    if (statusesIn(text).length < answers) return;
    clearTimeout(timer);
    timer = setTimeout(resolve, QUIET_MS);
  });
  socket.write(Buffer.from(bytes, "latin1"));
  await promise;
  clearTimeout(timer);
  socket.destroy();
  return { statuses: statusesIn(text), text };
}

function statusesIn(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map((match) => Number(match[1])).filter((status) => status >= 200);
}
