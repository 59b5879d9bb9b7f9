import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeRun, encodeRun, layRun, type StoredFrame } from "../../src/recorder/frames.ts";

const frame = fc
  .tuple(fc.nat(2 ** 41), fc.uint8Array({ maxLength: 80 }), fc.option(fc.uint8Array({ maxLength: 80 }), { nil: undefined }))
  .map(([atUs, upstream, sent]): StoredFrame => ({ atUs, upstream, sent: sent ?? upstream }));

test("any frames come back with their bytes, times and what was sent", () => {
  fc.assert(
    fc.property(fc.array(frame), (frames) => {
      const back = decodeRun(encodeRun(layRun(frames)));
      expect(back.map(({ atUs, upstream, sent }) => [atUs, [...upstream], [...sent]])).toEqual(
        frames.map(({ atUs, upstream, sent }) => [atUs, [...upstream], [...sent]]),
      );
      expect(back.map(({ upstream, sent }) => upstream === sent)).toEqual(frames.map(({ upstream, sent }) => upstream === sent));
    }),
  );
});

test("frames of a stream take little more than their text", () => {
  const frames = Array.from({ length: 1000 }, (_, i): StoredFrame => {
    const upstream = Buffer.from(
      `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"w${i % 97}"}}]}\n\n`,
    );
    return { atUs: 20_000 + i * 10_000 + (i % 7), upstream, sent: upstream };
  });
  expect(encodeRun(layRun(frames)).length).toBeLessThan(frames.length * 12);
});

test("a run cut short is an error", () => {
  const run = encodeRun(layRun([{ atUs: 1, upstream: Buffer.from("abc"), sent: Buffer.from("abc") }]));
  expect(() => decodeRun(run.slice(0, -2))).toThrow(RangeError);
});
