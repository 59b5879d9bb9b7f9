import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createBypass, type ChunkSink } from "../../src/sidecar/bypass.ts";

const HEAD = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const chunked = (data: string): string => `${data.length.toString(16)}\r\n${data}\r\n`;

/** A socket whose reads are pushed by hand, with a parser's stand-in that reads what it is given. */
function connection() {
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() }) as Socket;
  const bypass = createBypass();
  bypass.attach(socket);
  let parsed = "";
  let reading = true;
  return {
    bypass,
    push: (text: string) => socket.push(Buffer.from(text, "latin1")),
    /** What the parser has seen since it was last asked. */
    parsed: (): string => {
      if (reading) for (let got; (got = socket.read() as Buffer | null);) parsed += got.toString("latin1");
      const seen = parsed;
      parsed = "";
      return seen;
    },
    stopReading: () => (reading = false),
    goOn: () => (reading = true),
  };
}

function collector(ready = () => true) {
  const data: string[] = [];
  const framed: string[] = [];
  const sink: ChunkSink = {
    ready,
    chunk: (body, raw) => {
      data.push(body.toString("latin1"));
      framed.push(raw.toString("latin1"));
    },
  };
  return { data, framed, sink };
}

describe("whole chunks go by the parser", () => {
  test("once it has read the head; the last chunk is the parser's", () => {
    const { bypass, push, parsed } = connection();
    const { data, framed, sink } = collector();
    bypass.begin();
    push(HEAD + chunked("first"));
    expect(parsed()).toBe(HEAD + chunked("first"));
    bypass.open(sink);
    push(chunked("second"));
    push(chunked("third") + chunked("fourth"));
    expect(parsed()).toBe("");
    expect(data).toEqual(["second", "third", "fourth"]);
    expect(framed.join("")).toBe(chunked("second") + chunked("third") + chunked("fourth"));
    push(chunked("fifth") + chunked(""));
    expect(parsed()).toBe(chunked("fifth") + chunked(""));
    push("HTTP/1.1 200 OK\r\n\r\n");
    expect(parsed()).toBe("HTTP/1.1 200 OK\r\n\r\n");
  });

  test.each([
    ["nobody takes them", undefined],
    ["the exchange is not ready", collector(() => false).sink],
  ])("not while %s", (_name, sink) => {
    const { bypass, push, parsed } = connection();
    bypass.begin();
    push(HEAD);
    parsed();
    bypass.open(sink);
    push(chunked("a"));
    expect(parsed()).toBe(chunked("a"));
  });

  test("not while the parser has something left to read: order is kept", () => {
    const { bypass, push, parsed, stopReading, goOn } = connection();
    const { data, sink } = collector();
    bypass.begin();
    push(HEAD);
    parsed();
    bypass.open(sink);
    push("5\r\nhel");
    stopReading();
    push("lo\r\n");
    push(chunked("b"));
    expect(data).toEqual([]);
    goOn();
    expect(parsed()).toBe(`5\r\nhello\r\n${chunked("b")}`);
    push(chunked("c"));
    expect(data).toEqual(["c"]);
  });

  test.each([
    ["behind the head", HEAD, "a\r\n"],
    ["in the head's own read", `${HEAD}a\r\n`, ""],
  ])("not what only looks like a chunk, inside one that began %s", (_name, first, second) => {
    const { bypass, push, parsed } = connection();
    const { data, sink } = collector();
    bypass.begin();
    push(first);
    parsed();
    bypass.open(sink);
    if (second !== "") push(second);
    push(chunked("inner"));
    push("\r\n");
    expect(data).toEqual([]);
    expect(parsed()).toBe(`${second}${chunked("inner")}\r\n`);
    push(chunked("b"));
    expect(data).toEqual(["b"]);
  });

  test("the next reply on the connection begins with the parser again", () => {
    const { bypass, push, parsed } = connection();
    const { data, sink } = collector();
    bypass.begin();
    push(HEAD);
    parsed();
    bypass.open(sink);
    push(chunked("a"));
    bypass.begin();
    push(chunked("b"));
    expect(parsed()).toBe(chunked("b"));
    expect(data).toEqual(["a"]);
  });

  test("a body that is not chunked is the parser's, and is not kept", () => {
    const { bypass, push, parsed } = connection();
    bypass.begin();
    push("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
    parsed();
    bypass.open(undefined);
    push(chunked("a"));
    expect(parsed()).toBe(chunked("a"));
  });

  test("cut anywhere: every byte comes once, in order, and the parser's part is a reply in itself", () => {
    const data = fc.array(fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 12 });
    const reads = fc.array(fc.oneof({ arbitrary: fc.constant("chunk"), weight: 3 }, fc.nat({ max: 60 })), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(data, reads, (chunks, sizes) => {
        const { bypass, push, parsed } = connection();
        const order: string[] = [];
        let left = "";
        /** As the parser would: whole chunks out of what it was given, so that a bypassed one may not come in between. */
        const parse = (): void => {
          left += parsed();
          for (;;) {
            const line = left.indexOf("\r\n");
            const size = line < 0 ? Number.NaN : Number.parseInt(left.slice(0, line), 16);
            if (!(left.length >= line + 4 + size)) return;
            order.push(left.slice(line + 2, line + 2 + size));
            left = left.slice(line + 4 + size);
          }
        };
        bypass.begin();
        push(HEAD);
        parsed();
        bypass.open({
          ready: () => true,
          chunk: (body, raw) => {
            expect(left).toBe("");
            expect(raw.toString("latin1")).toBe(chunked(body.toString("latin1")));
            order.push(body.toString("latin1"));
          },
        });
        const framed = [...chunks, ""].map(chunked);
        const whole = framed.join("");
        let at = 0;
        for (const size of [...sizes, whole.length]) {
          let next = 0;
          for (const text of framed) if (next <= at) next += text.length;
          const to = Math.min(whole.length, size === "chunk" ? next : at + size);
          if (to > at) push(whole.slice(at, to));
          parse();
          at = to;
        }
        expect(order).toEqual([...chunks, ""]);
      }),
      { numRuns: 1000 },
    );
  });
});
