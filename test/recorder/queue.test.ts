import { expect, test } from "vitest";
import { bytesAt, FRAME_FIELDS, opsOf, UNCHANGED } from "../../src/recorder/batch.ts";
import { createQueue, FRAME_WEIGHT } from "../../src/recorder/queue.ts";
import { bytes } from "./support.ts";

test("bytes count from the push until the worker has dealt with them", () => {
  const queue = createQueue(100);
  expect(queue.admits(100)).toBe(true);
  queue.push(60, { op: "cut", x: 1 });
  expect([queue.pendingBytes, queue.queuedBytes, queue.queuedRecords]).toEqual([60, 60, 1]);
  expect(queue.admits(41)).toBe(false);
  expect(queue.take()?.number).toBe(1);
  expect([queue.pendingBytes, queue.queuedBytes, queue.queuedRecords]).toEqual([0, 60, 1]);
  queue.push(10, { op: "cut", x: 1 });
  queue.take();
  expect(queue.take()).toBeUndefined();
  queue.done(1);
  expect(queue.queuedBytes).toBe(10);
  queue.done(2);
  expect([queue.queuedBytes, queue.queuedRecords]).toEqual([0, 0]);
});

test("rows have a reserve of their own, and an end to it", () => {
  const queue = createQueue(0);
  expect(queue.admits(1)).toBe(false);
  expect(queue.admitsRow()).toBe(true);
  queue.push(5_000_000, { op: "cut", x: 1 });
  expect(queue.admitsRow()).toBe(false);
});

test("bodies and frames lie in one buffer, as they were when they came", () => {
  const queue = createQueue(1e6);
  const body = bytes("abc");
  queue.push(3, { op: "forwarded", x: 1, body: queue.put(body) });
  queue.frame(1, true, 1.0004, bytes("de"), undefined);
  queue.push(0, { op: "cut", x: 2 });
  queue.frame(1, false, 2, bytes("f"), [bytes("g"), bytes("hi")]);
  queue.frame(2, true, 3, bytes(""), []);
  body.fill(0);
  const batch = queue.take();
  if (!batch) throw new Error("nothing taken");
  const [first] = opsOf(batch);
  if (first?.op !== "forwarded" || !first.body) throw new Error("other ops");
  expect(Buffer.from(bytesAt(batch, first.body)).toString()).toBe("abc");
  expect(Buffer.from(batch.bytes, 0, 9).toString()).toBe("abcdefghi");
  expect(batch.framesBefore).toEqual([0, 1]);
  expect([...new Float64Array(batch.fields, 0, batch.frames * FRAME_FIELDS)]).toEqual(
    [
      [1, 1.0004, 3, 2, UNCHANGED],
      [-1, 2, 5, 1, 3],
      [2, 3, 9, 0, 0],
    ].flat(),
  );
  expect(queue.queuedBytes).toBe(9 + 3 * FRAME_WEIGHT);
  expect(queue.queuedRecords).toBe(3);
});

test("a batch holds any number of frames of any size", () => {
  const queue = createQueue(1e9);
  const sizes = Array.from({ length: 500 }, (_, i) => (i % 100 === 0 ? 100_000 : i));
  for (const size of sizes) queue.frame(7, true, 1, new Uint8Array(size).fill(size % 251), undefined);
  const batch = queue.take();
  if (!batch) throw new Error("nothing taken");
  const fields = new Float64Array(batch.fields);
  for (const [i, size] of sizes.entries()) {
    const slice = { from: fields[i * FRAME_FIELDS + 2] ?? 0, size: fields[i * FRAME_FIELDS + 3] ?? 0 };
    expect(bytesAt(batch, slice).every((byte) => byte === size % 251)).toBe(true);
    expect(slice.size).toBe(size);
  }
  expect(queue.take()).toBeUndefined();
});
