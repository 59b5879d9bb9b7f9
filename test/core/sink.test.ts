import { describe, expect, test } from "vitest";
import type { ExchangeEnd, ExchangeStart } from "../../src/core/exchange.ts";
import { fanOut, type ExchangeSink } from "../../src/core/sink.ts";

const START = { id: "1" } as ExchangeStart;
const END = { outcome: "completed" } as ExchangeEnd;

function listener(name: string, log: string[]): ExchangeSink {
  return {
    name,
    begin: () => ({
      head: () => log.push(`${name} head`),
      end: () => log.push(`${name} end`),
    }),
  };
}

describe("fanOut", () => {
  test("every sink hears everything, in order", () => {
    const log: string[] = [];
    const tap = fanOut([listener("a", log), listener("b", log)]).begin(START);
    tap?.head?.(1, 200, []);
    tap?.end(END);
    expect(log).toEqual(["a head", "b head", "a end", "b end"]);
  });

  test("a frame that repeats others is told without a step only where everybody can do without", () => {
    const sees = (name: string, log: string[], able: boolean): ExchangeSink => ({
      name,
      begin: () => ({
        step: () => log.push(`${name} step`),
        ...(able ? { repeat: (atMs: number) => log.push(`${name} repeat ${atMs}`) } : {}),
        end: () => {},
      }),
    });
    const log: string[] = [];
    const able = fanOut([sees("a", log, true), listener("deaf", log), sees("b", log, true)]).begin(START);
    able?.repeat?.(3, new Uint8Array(1));
    expect(log).toEqual(["a repeat 3", "b repeat 3"]);
    const unable = fanOut([sees("a", log, true), sees("c", log, false)]).begin(START);
    expect(unable?.step).toBeDefined();
    expect(unable?.repeat).toBeUndefined();
  });

  test("a sink that throws is cut off for that exchange, counted, told of once, and heard again in the next", () => {
    const log: string[] = [];
    const told: string[] = [];
    const broken: ExchangeSink = {
      name: "broken",
      begin: () => ({
        head() {
          throw new Error("no");
        },
        end: () => log.push("broken end"),
      }),
    };
    const sink = fanOut([broken, listener("good", log)], (name) => told.push(name));
    for (let i = 0; i < 2; i++) {
      const tap = sink.begin(START);
      tap?.head?.(1, 200, []);
      tap?.end(END);
    }
    expect(log).toEqual(["good head", "good end", "good head", "good end"]);
    expect(sink.failures.get("broken")).toBe(2);
    expect(told).toEqual(["broken"]);
  });

  test("a sink that throws in begin is left out", () => {
    const log: string[] = [];
    const broken: ExchangeSink = {
      name: "broken",
      begin() {
        throw new Error("no");
      },
    };
    fanOut([broken, listener("good", log)])
      .begin(START)
      ?.end(END);
    expect(log).toEqual(["good end"]);
  });

  test("nobody interested: no tap", () => {
    expect(fanOut([{ name: "deaf", begin: () => undefined }]).begin(START)).toBeUndefined();
  });
});

describe("enter", () => {
  const around = (name: string, log: string[], how: "run" | "throw before" | "throw after" | "forget"): ExchangeSink => ({
    name,
    begin: () => ({
      enter(work) {
        if (how === "throw before") throw new Error(name);
        if (how === "forget") return undefined as never;
        log.push(`${name} in`);
        const result = work();
        if (how === "throw after") throw new Error(name);
        log.push(`${name} out`);
        return result;
      },
      end: () => {},
    }),
  });

  test.each(["run", "throw before", "throw after", "forget"] as const)(
    "the work runs exactly once and its result comes back: %s",
    (how) => {
      const log: string[] = [];
      const tap = fanOut([around("a", log, how), around("b", log, "run")]).begin(START);
      let runs = 0;
      const result = tap?.enter?.(() => {
        runs += 1;
        return 7;
      });
      expect(result).toBe(7);
      expect(runs).toBe(1);
    },
  );

  test("what the work itself throws comes through and is nobody's failure", () => {
    const sink = fanOut([around("a", [], "run")]);
    const tap = sink.begin(START);
    expect(() =>
      tap?.enter?.(() => {
        throw new Error("from the work");
      }),
    ).toThrow("from the work");
    expect(sink.failures.size).toBe(0);
  });
});
