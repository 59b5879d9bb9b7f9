import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Roster, type Place } from "../../src/core/roster.ts";

describe("Roster", () => {
  it("holds what a Set would, whoever comes and goes", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant("come" as const), fc.nat(40))), (steps) => {
        const roster = new Roster<number>();
        const set = new Set<number>();
        const places: Place<number>[] = [];
        for (const step of steps) {
          if (step === "come") {
            places.push(roster.add(places.length));
            set.add(places.length - 1);
          } else {
            // Also who has left already: nobody else may go in their stead.
            const place = places[step % Math.max(1, places.length)];
            if (!place) continue;
            roster.delete(place);
            set.delete(place.member);
          }
          expect(roster.size).toBe(set.size);
          expect(roster.members().toSorted((a, b) => a - b)).toEqual([...set].toSorted((a, b) => a - b));
        }
      }),
    );
  });

  it("lets members leave while they are looked at", () => {
    const roster = new Roster<string>();
    const places = ["a", "b", "c"].map((name) => roster.add(name));
    const seen: string[] = [];
    for (const name of roster.members()) {
      seen.push(name);
      for (const place of places) if (place.member === name) roster.delete(place);
    }
    expect(seen).toEqual(["a", "b", "c"]);
    expect(roster.size).toBe(0);
  });

  it("lets go of who has left at the next collection of the young generation, which a Map does not", () => {
    const leftBehind = (enter: string, leave: string): number => {
      const program = `
        import { Roster } from ${JSON.stringify(new URL("../../src/core/roster.ts", import.meta.url).href)};
        const roster = new Roster(), map = new Map(), live = [];
        const enter = (one) => ${enter}, leave = (place) => ${leave};
        const come = () => live.push(enter({ held: new ArrayBuffer(65536) }));
        for (let i = 0; i < 6; i++) come();
        gc();
        for (let round = 0; round < 40; round++) {
          for (let i = 0; i < 20; i++) { come(); leave(live.shift()); }
          gc({ type: "minor" });
        }
        console.log(process.memoryUsage().arrayBuffers / 65536);`;
      const flags = ["--expose-gc", "--no-allocation-site-pretenuring", "--input-type=module", "-e", program];
      return Number(execFileSync(process.execPath, flags, { encoding: "utf8", timeout: 30_000 }));
    };
    expect(leftBehind("roster.add(one)", "roster.delete(place)")).toBeLessThan(40);
    // The control: once it holds for Map too, a roster has had its day.
    expect(leftBehind("map.set(one, one) && one", "map.delete(place)")).toBeGreaterThan(100);
  });
});
