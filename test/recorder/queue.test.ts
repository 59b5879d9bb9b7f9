import { expect, test } from "vitest";
import { bytesAt } from "../../src/recorder/batch.ts";
import { createQueue, gatherFrames } from "../../src/recorder/queue.ts";
import { bytes } from "./support.ts";

test("bytes count from the push until the worker has dealt with them", () => {
  const queue = createQueue(100);
  expect(queue.admits(100)).toBe(true);
  queue.push(60, () => ({ op: "cut", x: 1 }));
  expect([queue.pendingBytes, queue.queuedBytes, queue.queuedRecords]).toEqual([60, 60, 1]);
  expect(queue.admits(41)).toBe(false);
  expect(queue.take()?.number).toBe(1);
  expect([queue.pendingBytes, queue.queuedBytes, queue.queuedRecords]).toEqual([0, 60, 1]);
  queue.push(10, () => ({ op: "cut", x: 1 }));
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
  queue.push(5_000_000, () => ({ op: "cut", x: 1 }));
  expect(queue.admitsRow()).toBe(false);
});

test("one buffer holds the bytes of all ops, laid one behind the other", () => {
  const queue = createQueue(1000);
  queue.push(3, (gatherer) => ({ op: "forwarded", x: 1, body: gatherer.put([bytes("abc")]) }));
  const frames = gatherFrames(1, true, queue.turn);
  queue.push(0, frames.op);
  frames.add(1.0004, bytes("de"), undefined);
  frames.add(2, bytes("f"), [bytes("g"), bytes("hi")]);
  frames.add(3, bytes(""), []);
  const batch = queue.take();
  if (!batch) throw new Error("nothing taken");
  const [body, op] = batch.ops;
  if (body?.op !== "forwarded" || !body.body || op?.op !== "frames") throw new Error("other ops");
  expect(Buffer.from(bytesAt(batch, body.body)).toString()).toBe("abc");
  expect(Buffer.from(bytesAt(batch, op.upstream)).toString()).toBe("def");
  expect(Buffer.from(bytesAt(batch, op.sent)).toString()).toBe("ghi");
  expect([[...op.atUs], [...op.sizes], op.changed, op.sentSizes]).toEqual([
    [1000, 2000, 3000],
    [2, 1, 0],
    [1, 2],
    [3, 0],
  ]);
  expect(batch.bytes.byteLength).toBe(9);
});
