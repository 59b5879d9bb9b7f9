/**
 * Load, aborted streams, a kill -9 and a restart, against loopback only; prints its counters as it goes.
 *
 *   node scripts/soak.ts [--streams 1000] [--seconds 600] [--short 100000] [--aborted 100000] [--crashes 3]
 *                        [--only streams|short|aborted|crashes]
 *
 * The sidecar runs as a process of its own, backend and clients in this one. Every reply is held
 * against its checksum. Short and aborted requests come in two rounds: what the second leaves on the heap
 * (behind a forced collection), in descriptors and in open handles is held against what the first left.
 * Exit code 1 when a promise was broken.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startSoakBackend } from "./soak/backend.ts";
import { crash } from "./soak/crash.ts";
import { climbs, describeLeft, grown, lookAt, mb, type Left } from "./soak/left.ts";
import { ask, closeConnections, inParallel, newTally } from "./soak/load.ts";
import { phase } from "./soak/phase.ts";
import { startProxy } from "./soak/proxy.ts";
import { promise, say, sleep, verdict } from "./soak/verdict.ts";

const { values } = parseArgs({
  options: {
    streams: { type: "string", default: "1000" },
    seconds: { type: "string", default: "600" },
    short: { type: "string", default: "100000" },
    aborted: { type: "string", default: "100000" },
    crashes: { type: "string", default: "3" },
    only: { type: "string" },
  },
});
const PARTS = ["streams", "short", "aborted", "crashes"] as const;
if (values.only !== undefined && !PARTS.some((part) => part === values.only)) {
  say(`--only takes ${PARTS.join(", ")}`);
  process.exit(2);
}
const count = (part: (typeof PARTS)[number]): number => (values.only === undefined || values.only === part ? Number(values[part]) : 0);
const seconds = Number(values.seconds);
/** Each stream: 20 frames in 10 s. Starts are spread, so that the streams do not breathe in step. */
const STREAM = { frames: 20, everyMs: 500 };
const HEAP_LOOKS = 24;

const begun = performance.now();
const folder = mkdtempSync(join(tmpdir(), "llama-proxy-soak-"));
const db = join(folder, "soak.db");
const backend = await startSoakBackend();
let proxy = await startProxy(backend.url, db);

async function streams(width: number): Promise<void> {
  const heaps: number[] = [];
  const rampMs = Math.min(STREAM.frames * STREAM.everyMs, seconds * 250);
  await phase(`${width} streams at once for ${seconds} s`, proxy, async (tally) => {
    const until = performance.now() + seconds * 1000;
    const load = Promise.all(
      Array.from({ length: width }, async (_, i) => {
        await sleep((i / width) * rampMs);
        for (let round = 0; performance.now() < until; round++) await ask(proxy.url, { seed: i * 1_000 + round, ...STREAM }, tally);
      }),
    );
    await sleep(rampMs);
    for (const every = (seconds * 1000 - rampMs) / HEAP_LOOKS; performance.now() + every < until;) {
      await sleep(every);
      const { heapUsed, arrayBuffers } = await proxy.heap();
      heaps.push(heapUsed + arrayBuffers);
    }
    await load;
  });
  say(`heap with ${width} streams open, MB: ${heaps.map(mb).join(" ")}`);
  promise("the heap was looked at while streams were open", heaps.length >= 4);
  promise("the heap does not climb while streams come and go", !climbs(heaps));
}

/** Twice the same: what the second round leaves shows whether the first one leaked. */
async function rounds(short: number, aborted: number): Promise<void> {
  const left: Left[] = [];
  for (const round of [1, 2]) {
    if (short > 0) {
      await phase(`${short} short requests, round ${round}`, proxy, (tally) =>
        inParallel(short, 32, (i) => ask(proxy.url, { seed: i, frames: 0, everyMs: 0 }, tally)),
      );
    }
    if (aborted > 0) {
      await phase(`${aborted} aborted streams, round ${round}`, proxy, (tally) =>
        inParallel(aborted, 32, (i) => ask(proxy.url, { seed: i, frames: 1_000, everyMs: 5 }, tally, 1 + (i % 600))),
      );
      say(`the backend saw ${backend.left} readers leave, ${backend.open} streams still open`);
      promise("no stream of a departed client stays open at the backend", backend.open === 0);
    }
    const now = await lookAt(proxy);
    say(`left by round ${round}: ${describeLeft(now)}`);
    left.push(now);
  }
  const [first, second] = left;
  const more = first && second ? grown(first, second) : ["not looked at"];
  promise("a second round leaves no more than the first", more.length === 0, more.join(", "));
}

try {
  const warm = newTally();
  await inParallel(200, 20, (i) => ask(proxy.url, { seed: i, frames: i % 2, everyMs: 1 }, warm));
  closeConnections();
  await sleep(6_000);
  if (count("streams") > 0) await streams(count("streams"));
  const [short, aborted] = [Math.ceil(count("short") / 2), Math.ceil(count("aborted") / 2)];
  if (short + aborted > 0) await rounds(short, aborted);
  for (let round = 0; round < count("crashes"); round++) proxy = await crash(backend.url, db, proxy, round);
  closeConnections();
  await proxy.kill("SIGTERM");
} finally {
  await proxy.kill("SIGKILL").catch(() => {});
  backend.close();
  rmSync(folder, { recursive: true, force: true });
}
say(`${Math.round((performance.now() - begun) / 1000)} s in all`);
process.exit(verdict());
