import { describe, expect, test } from "vitest";
import { createFrameReader, makeFrame } from "../../src/wire/frame.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("reading a frame", () => {
  test.each([
    ["one data line", "data: {}\n\n", undefined, "{}"],
    ["no space behind the colon", "data:{}\n\n", undefined, "{}"],
    ["a named event", "event: message_start\ndata: {}\n\n", "message_start", "{}"],
    ["CR LF", "event: x\r\ndata: {}\r\n\r\n", "x", "{}"],
    ["several data lines", "data: a\ndata: b\n\n", undefined, "a\nb"],
    ["a comment", ":\n\n", undefined, undefined],
    ["a comment before data", ": ping\ndata: a\n\n", undefined, "a"],
    ["fields it does not know", "id: 1\nretry: 5\nfoo: bar\ndata: a\n\n", undefined, "a"],
    ["two spaces: one is data", "data:  a\n\n", undefined, " a"],
    ["an unfinished frame", "data: a\n", undefined, undefined],
    ["nothing but a line end", "\n", undefined, undefined],
  ])("%s", (_name, raw, event, data) => {
    const frame = createFrameReader().read(bytes(raw));
    expect(frame).toMatchObject({ event, data });
    expect(new TextDecoder().decode(frame.raw)).toBe(raw);
  });

  test("frames do not leak into each other", () => {
    const reader = createFrameReader();
    reader.read(bytes("event: x\ndata: 1\n"));
    expect(reader.read(bytes("data: 2\n\n"))).toMatchObject({ event: undefined, data: "2" });
    reader.read(bytes("event: y\ndata: 3\n\n"));
    expect(reader.read(bytes("id: 9\ndata: 4\n\n"))).toMatchObject({ event: undefined, data: "4" });
  });

  test("a byte order mark at the start of the stream is not data", () => {
    expect(createFrameReader().read(bytes("\uFEFFdata: a\n\n"))).toMatchObject({ data: "a" });
  });

  test("bytes that are not UTF-8 read as U+FFFD and stay as they are in raw", () => {
    const raw = Uint8Array.from([...bytes("data: a"), 0xe5, 0x96, ...bytes("b\n\n")]);
    const frame = createFrameReader().read(raw);
    expect(frame.data).toBe("a\uFFFDb");
    expect(frame.raw).toBe(raw);
  });
});

describe("making a frame", () => {
  test.each([
    ["{}", undefined, "data: {}\n\n"],
    ["{}", "message_stop", "event: message_stop\ndata: {}\n\n"],
    ["a\nb", undefined, "data: a\ndata: b\n\n"],
  ])("%j %s", (data, event, raw) => {
    const frame = makeFrame(data, event);
    expect(new TextDecoder().decode(frame.raw)).toBe(raw);
    expect(createFrameReader().read(frame.raw)).toEqual(frame);
  });
});
