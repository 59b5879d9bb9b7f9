import { expect, test } from "vitest";
import { createSchedule } from "../../src/demo/schedule.ts";

test("what is due later is done later, in whatever order it was asked for", async () => {
  const schedule = createSchedule();
  const begun = performance.now();
  const done: number[] = [];
  const early: number[] = [];
  await new Promise<void>((resolve) => {
    for (const ms of [12, 0, 5, 1, 5.5, 30, -3, 12.25]) {
      schedule.at(begun + ms, () => {
        done.push(ms);
        if (performance.now() < begun + ms) early.push(ms);
        if (done.length === 8) resolve();
      });
    }
  });
  expect(done).toEqual([-3, 0, 1, 5, 5.5, 12, 12.25, 30]);
  expect(early).toEqual([]);
});

test("never at once, and equal times in the order they were asked for", async () => {
  const schedule = createSchedule();
  const done: string[] = [];
  const due = performance.now() + 3;
  await new Promise<void>((resolve) => {
    for (const name of ["a", "b", "c"]) schedule.at(due, () => done.push(name));
    schedule.at(due, resolve);
    expect(done).toEqual([]);
  });
  expect(done).toEqual(["a", "b", "c"]);
});

test("what is taken back is not done, the others are; twice is once", async () => {
  const schedule = createSchedule();
  const done: string[] = [];
  const begun = performance.now();
  await new Promise<void>((resolve) => {
    const next = schedule.at(begun + 2, () => done.push("next"));
    const later = schedule.at(begun + 6, () => done.push("later"));
    schedule.at(begun + 8, resolve);
    next();
    next();
    later();
  });
  expect(done).toEqual([]);
});

test("work may ask for more work", async () => {
  const schedule = createSchedule();
  const done: number[] = [];
  await new Promise<void>((resolve) => {
    const again = (n: number): void => {
      done.push(n);
      if (n === 3) resolve();
      else schedule.at(performance.now() + 1, () => again(n + 1));
    };
    schedule.at(performance.now(), () => again(0));
  });
  expect(done).toEqual([0, 1, 2, 3]);
});
