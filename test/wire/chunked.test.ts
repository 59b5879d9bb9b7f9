import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ChunkedBody, endOfHead } from "../../src/wire/chunked.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

/** The data of the chunks in `read`, or undefined when it is not whole chunks alone. */
function chunksOf(body: ChunkedBody, read: Buffer): string[] | undefined {
  const found: string[] = [];
  for (let at = 0; at < read.length;) {
    const end = body.endOfChunk(read, at);
    if (end < 0) return undefined;
    found.push(read.toString("latin1", body.dataAt, body.dataEnd));
    at = end;
  }
  return found;
}

describe("whole chunks in a read", () => {
  test.each([
    ["one", "5\r\nhello\r\n", ["hello"]],
    ["hex in either case", "0000A\r\n0123456789\r\n0b\r\n0123456789a\r\n", ["0123456789", "0123456789a"]],
    ["data that looks like framing", "8\r\n\r\n5\r\nab\n\r\n", ["\r\n5\r\nab\n"]],
    ["the last chunk", "0\r\n\r\n", undefined],
    ["a chunk and the last one", "2\r\nab\r\n0\r\n\r\n", undefined],
    ["a chunk cut short", "5\r\nhell", undefined],
    ["a chunk whose CRLF is cut", "5\r\nhello\r", undefined],
    ["an extension", "5;a=b\r\nhello\r\n", undefined],
    ["a bare LF", "5\nhello\r\n", undefined],
    ["no digit", "\r\nhello\r\n", undefined],
    ["data longer than its size says", "4\r\nhello\r\n", undefined],
    ["a size nobody sends", "00000005\r\nhello\r\n", undefined],
  ])("%s", (_name, read, expected) => {
    expect(chunksOf(new ChunkedBody(), bytes(read))).toEqual(expected);
  });
});

describe("a body that somebody else reads", () => {
  test("however it is cut, the borders between chunks are known, unless a size line was cut", () => {
    const chunk = fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(fc.array(chunk, { minLength: 1, maxLength: 8 }), fc.array(fc.nat(), { maxLength: 6 }), (chunks, cuts) => {
        const framed = chunks.map((data) => `${data.length.toString(16)}\r\n${data}\r\n`);
        const whole = bytes(framed.join(""));
        const borders = new Set<number>([0]);
        const lines = new Set<number>();
        let at = 0;
        for (const [i, text] of framed.entries()) {
          for (let n = 1; n < text.length - (chunks[i]?.length ?? 0) - 2; n++) lines.add(at + n);
          at += text.length;
          borders.add(at);
        }
        const body = new ChunkedBody();
        let from = 0;
        let lost = false;
        for (const cut of [...cuts.map((n) => n % whole.length).sort((a, b) => a - b), whole.length]) {
          body.pass(whole.subarray(from, cut));
          from = cut;
          lost ||= lines.has(cut);
          expect(body.followed).toBe(!lost);
          expect(body.between).toBe(!lost && borders.has(cut));
        }
      }),
      { numRuns: 500 },
    );
  });

  test("behind the last chunk nothing is followed", () => {
    const body = new ChunkedBody();
    body.pass(bytes("1\r\na\r\n0\r\n\r\n"));
    expect(body.followed).toBe(false);
    expect(body.between).toBe(false);
  });
});

describe("the end of a head", () => {
  test.each([
    ["a head", "HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody", 25],
    ["interim heads before it", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx", 72],
    ["only an interim one", "HTTP/1.1 100 Continue\r\n\r\n", -1],
    ["none", "HTTP/1.1 200 OK\r\nA: b\r\n", -1],
  ])("%s", (_name, text, at) => {
    expect(endOfHead(bytes(text))).toBe(at);
  });
});
