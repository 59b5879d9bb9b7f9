import { afterEach, expect, test, vi } from "vitest";
import { finish, later } from "../../src/sidecar/later.ts";

afterEach(() => {
  finish();
  vi.useRealTimers();
});

test("work is done a moment later, in the order it came", () => {
  vi.useFakeTimers();
  const done: string[] = [];
  later(() => done.push("first"));
  vi.advanceTimersByTime(100);
  later(() => done.push("second"));
  expect(done).toEqual([]);
  vi.advanceTimersByTime(60);
  expect(done).toEqual(["first"]);
  vi.advanceTimersByTime(100);
  expect(done).toEqual(["first", "second"]);
});

test("much work is cut into goes, and a backlog is worked off all the same", () => {
  vi.useFakeTimers();
  let clock = 0;
  vi.spyOn(performance, "now").mockImplementation(() => clock);
  let done = 0;
  // Each takes longer than one go may.
  for (let i = 0; i < 200; i++) {
    later(() => {
      done += 1;
      clock += 5;
    });
  }
  clock = 1000;
  vi.advanceTimersByTime(10);
  expect(done).toBeGreaterThan(0);
  expect(done).toBeLessThan(20);
  vi.advanceTimersByTime(1000);
  expect(done).toBe(200);
  vi.restoreAllMocks();
});

test("finish does all of it at once, what is put off meanwhile included", () => {
  const done: string[] = [];
  later(() => {
    done.push("outer");
    later(() => done.push("inner"));
  });
  finish();
  expect(done).toEqual(["outer", "inner"]);
});

test("work that throws is not done again, and keeps nothing else from being done", () => {
  vi.useFakeTimers();
  const done: string[] = [];
  later(() => {
    done.push("broken");
    throw new Error("broken");
  });
  later(() => done.push("next"));
  expect(() => vi.advanceTimersByTime(160)).toThrow("broken");
  vi.advanceTimersByTime(100);
  expect(done).toEqual(["broken", "next"]);
});
