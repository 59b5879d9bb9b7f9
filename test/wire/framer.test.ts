import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createFramer } from "../../src/wire/framer.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (raw: Uint8Array): string => new TextDecoder().decode(raw);

/** Frames of a body fed in the given pieces; the unfinished rest last, where there is one. */
function framesOf(pieces: readonly Uint8Array[]): string[] {
  const framer = createFramer();
  const frames = pieces.flatMap((piece) => framer.push(piece)).map(text);
  const rest = framer.end();
  return rest.length > 0 ? [...frames, text(rest)] : frames;
}

function cutAt(body: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [0, ...cuts.map((cut) => cut % (body.length + 1)).sort((a, b) => a - b), body.length];
  return at.slice(1).map((end, i) => body.subarray(at[i], end));
}

describe("where a frame ends", () => {
  test.each([
    ["LF", "data: a\n\ndata: b\n\n", ["data: a\n\n", "data: b\n\n"]],
    ["CR LF", "data: a\r\n\r\ndata: b\r\n\r\n", ["data: a\r\n\r\n", "data: b\r\n\r\n"]],
    ["CR", "data: a\r\rdata: b\r\r", ["data: a\r\r", "data: b\r\r"]],
    ["LF then CR LF", "data: a\n\r\ndata: b\n\n", ["data: a\n\r\n", "data: b\n\n"]],
    ["several lines", "event: x\nid: 1\ndata: a\n\n", ["event: x\nid: 1\ndata: a\n\n"]],
    ["a ping", ":\n\ndata: a\n\n", [":\n\n", "data: a\n\n"]],
    ["an unfinished rest", "data: a\n\ndata: b\n", ["data: a\n\n", "data: b\n"]],
    ["blank lines more than needed", "data: a\n\n\n\ndata: b\n\n", ["data: a\n\n", "\n", "\n", "data: b\n\n"]],
    ["nothing", "", []],
  ])("%s", (_name, body, frames) => {
    expect(framesOf([bytes(body)])).toEqual(frames);
  });

  test("a stream in CR style is not held up", () => {
    const framer = createFramer();
    expect(framer.push(bytes("data: a\r\r")).map(text)).toEqual(["data: a\r\r"]);
    expect(framer.held).toBe(0);
  });

  test("a frame that lies whole in its chunk is a view of it, not a copy", () => {
    const chunk = bytes("data: a\n\ndata: b\n\n");
    const [first, second] = createFramer().push(chunk);
    expect(first?.buffer).toBe(chunk.buffer);
    expect(second?.buffer).toBe(chunk.buffer);
  });
});

const body = fc
  .array(
    fc.oneof(fc.constantFrom("\n", "\r", "\r\n", "\n\n", "\r\n\r\n", "\r\r", "data: ", ":", "x", "ü", "😀"), fc.string({ maxLength: 4 })),
    {
      maxLength: 40,
    },
  )
  .map((parts) => bytes(parts.join("")));
const cuts = fc.array(fc.nat(), { maxLength: 20 });

test("identity: frames laid end to end are the body, however it is cut", () => {
  fc.assert(
    fc.property(body, cuts, (whole, at) => {
      expect(framesOf(cutAt(whole, at)).join("")).toBe(text(whole));
    }),
    { numRuns: 2000 },
  );
});

test("cut-invariance: where the network cut the body makes no difference to the frames", () => {
  fc.assert(
    fc.property(body, cuts, (whole, at) => {
      expect(framesOf(cutAt(whole, at))).toEqual(framesOf([whole]));
    }),
    { numRuns: 2000 },
  );
});

test("a chunk of many frames costs as much per frame as a few: no byte is searched again and again", () => {
  const frame = `data: ${"x".repeat(100)}\n\n`;
  const searched = (frames: number): number => {
    const chunk = bytes(frame.repeat(frames));
    let looked = 0;
    const indexOf = chunk.indexOf.bind(chunk);
    chunk.indexOf = (byte: number, from = 0) => {
      const at = indexOf(byte, from);
      looked += (at < 0 ? chunk.length : at) - from;
      return at;
    };
    expect(createFramer().push(chunk)).toHaveLength(frames);
    return looked / frames;
  };
  expect(searched(2000)).toBeLessThan(searched(10) * 2);
});
