import { expect, test } from "vitest";
import { bytesAt, opsOf } from "../../src/recorder/batch.ts";
import { readRun } from "../../src/recorder/frames.ts";
import { createQueue, FRAME_WEIGHT, type Queue } from "../../src/recorder/queue.ts";
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

function taken(queue: Queue, waitedMs?: number) {
  const batch = queue.take(waitedMs);
  if (!batch) throw new Error("nothing taken");
  return { batch, ops: opsOf(batch) };
}

function framesOf({ batch, ops }: ReturnType<typeof taken>, x: number): string[] {
  const runs = ops.flatMap((op) => (op.op === "run" && op.x === x ? readRun(bytesAt(batch, op.bytes)) : []));
  return runs.map(({ atUs, upstream, sent }) => `${atUs} ${Buffer.from(upstream)}${sent === upstream ? "" : ` -> ${Buffer.from(sent)}`}`);
}

test("bodies and frames are as they were when they came", () => {
  const queue = createQueue(1e6);
  const body = bytes("abc");
  const raw = bytes("de");
  const first = queue.run(1, true);
  const second = queue.run(2, false);
  first.add(1.0004, raw, undefined);
  queue.push(3, { op: "forwarded", x: 1, body: queue.put(body) });
  second.add(3, bytes(""), []);
  first.add(2, bytes("f"), [bytes("g"), bytes("hi")]);
  body.fill(0);
  raw.fill(0);
  expect(queue.queuedBytes).toBe(9 + 3 * FRAME_WEIGHT);
  expect(queue.queuedRecords).toBe(3);
  const batch = taken(queue);
  const forwarded = batch.ops.find((op) => op.op === "forwarded");
  expect(Buffer.from(forwarded?.body ? bytesAt(batch.batch, forwarded.body) : []).toString()).toBe("abc");
  expect(framesOf(batch, 1)).toEqual(["1000 de", "2000 f -> ghi"]);
  expect(framesOf(batch, 2)).toEqual(["3000  -> "]);
  expect(queue.queuedBytes).toBe(9 + 3 * FRAME_WEIGHT);
  queue.done(1);
  expect(queue.queuedBytes).toBe(0);
});

test("frames wait for company, but not beyond what is said, their end, or their size", () => {
  const clock = { now: 0 };
  const queue = createQueue(1e9, () => clock.now);
  const [slow, ended, large] = [queue.run(1, true), queue.run(2, true), queue.run(3, true)];
  slow.add(1, bytes("a"), undefined);
  ended.add(1, bytes("b"), undefined);
  large.add(1, new Uint8Array(100_000), undefined);
  ended.hand();
  queue.push(0, { op: "cut", x: 2 });
  expect(taken(queue, 500).ops.map(({ op, x }) => `${op} ${x}`)).toEqual(["run 3", "run 2", "cut 2"]);
  expect(queue.gathering).toBe(true);
  clock.now = 499;
  slow.add(2, bytes("c"), undefined);
  expect(queue.take(500)).toBeUndefined();
  clock.now = 500;
  expect(framesOf(taken(queue, 500), 1)).toEqual(["1000 a", "2000 c"]);
  expect(queue.gathering).toBe(false);
  expect(queue.take(0)).toBeUndefined();
});

test("a batch holds any number of frames of any size", () => {
  const queue = createQueue(1e9);
  const run = queue.run(7, true);
  const frames = Array.from({ length: 500 }, (_, i) => "abcdefg"[i % 7]?.repeat(i % 100 === 0 ? 100_000 : i) ?? "");
  for (const frame of frames) run.add(1, bytes(frame), undefined);
  expect(framesOf(taken(queue), 7)).toEqual(frames.map((frame) => `1000 ${frame}`));
});
