/**
 * Load, aborted streams, a kill -9 and a restart, against loopback only; prints its counters as it goes.
 *
 *   node scripts/soak.ts [--streams 1000] [--seconds 600] [--short 100000] [--aborted 100000] [--crashes 3]
 *
 * The sidecar runs as a process of its own, backend and clients in this one. Every reply is held
 * against its checksum. Exit code 1 when a promise was broken.
 */
import Database from "better-sqlite3";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startSoakBackend } from "./soak/backend.ts";
import { ask, closeConnections, inParallel, newTally, type Tally } from "./soak/load.ts";
import { startProxy, type Proxy } from "./soak/proxy.ts";

const { values } = parseArgs({
  options: {
    streams: { type: "string", default: "1000" },
    seconds: { type: "string", default: "600" },
    short: { type: "string", default: "100000" },
    aborted: { type: "string", default: "100000" },
    crashes: { type: "string", default: "3" },
  },
});
const wanted = Object.fromEntries(Object.entries(values).map(([name, text]) => [name, Number(text)])) as Record<
  keyof typeof values,
  number
>;
const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const broken: string[] = [];

function promise(what: string, kept: boolean): void {
  if (!kept) broken.push(what);
}

/** Runs a phase while looking at the sidecar's memory and descriptors once a second. */
async function phase(name: string, proxy: Proxy, work: (tally: Tally) => Promise<void>): Promise<void> {
  const tally = newTally();
  const looks: { descriptors: number; residentMb: number }[] = [];
  const look = (): void => {
    const usage = proxy.usage();
    if (usage) looks.push(usage);
  };
  look();
  const timer = setInterval(look, 1_000);
  const begun = performance.now();
  await work(tally);
  clearInterval(timer);
  closeConnections();
  const seconds = (performance.now() - begun) / 1000;
  // Idle connections to the backend are kept for a few seconds.
  for (
    let i = 0;
    i < 100 && ((await proxy.status()).in_flight > 0 || (proxy.usage()?.descriptors ?? 0) > (looks[0]?.descriptors ?? 0) + 8);
    i++
  )
    await sleep(100);
  look();
  const { recorder, in_flight, faults } = await proxy.status();
  const first = looks[0];
  const last = looks.at(-1);
  const peak = Math.max(...looks.map(({ residentMb }) => residentMb));
  const late = looks.slice(Math.floor(looks.length / 2)).map(({ residentMb }) => Math.round(residentMb));
  const reasons = [...tally.reasons].map(([reason, count]) => `${reason} ×${count}`).join(", ");
  say(
    `${name}: right ${tally.right}, wrong ${tally.wrong}, failed ${tally.failed}${reasons === "" ? "" : ` (${reasons})`}, aborted ${tally.aborted}; ${seconds.toFixed(1)} s, ` +
      `descriptors ${first?.descriptors} → ${last?.descriptors}, resident ${Math.round(first?.residentMb ?? 0)} → ${Math.round(last?.residentMb ?? 0)} MB (peak ${Math.round(peak)}, second half ${Math.min(...late)}–${Math.max(...late)}), ` +
      `recorded ${recorder.written}, dropped ${JSON.stringify(recorder.dropped)} (${recorder.state}), faults ${faults}`,
  );
  promise(`${name}: every reply is what the backend said`, tally.wrong === 0);
  promise(`${name}: no request fails`, tally.failed === 0);
  promise(`${name}: nothing stays in flight`, in_flight === 0);
  promise(`${name}: no unexpected fault`, faults === 0);
  promise(`${name}: descriptors are given back`, (last?.descriptors ?? 0) <= (first?.descriptors ?? 0) + 8);
  promise(`${name}: memory is bounded`, peak < 1_000);
}

async function crash(backend: string, db: string, before: Proxy, round: number): Promise<Proxy> {
  const tally = newTally();
  let over = false;
  const load = inParallel(200, 50, (i) => (over ? Promise.resolve() : ask(before.url, { seed: i, frames: 50, everyMs: 20 }, tally)));
  await sleep(700 + round * 300);
  const killedAt = performance.now();
  await before.kill("SIGKILL");
  // Clients' connections to the dead process are still there when the next one binds the port.
  const proxy = await startProxy(backend, db, before.port);
  const backMs = performance.now() - killedAt;
  over = true;
  await load;
  const after = newTally();
  await inParallel(50, 10, (i) => ask(proxy.url, { seed: i, frames: 5, everyMs: 2 }, after));
  await sleep(1_500);
  const file = new Database(db, { readonly: true });
  const sound = file.pragma("integrity_check", { simple: true });
  file.close();
  say(
    `kill -9 and restart: port ${before.port} served again after ${Math.round(backMs)} ms, database ${String(sound)}, right ${after.right}/50, cut by the kill ${tally.failed}`,
  );
  promise("after a kill -9 the database is sound", sound === "ok");
  promise("after a restart requests are served", after.right === 50);
  return proxy;
}

const folder = mkdtempSync(join(tmpdir(), "llama-proxy-soak-"));
const db = join(folder, "soak.db");
const backend = await startSoakBackend();
let proxy = await startProxy(backend.url, db);
try {
  const warm = newTally();
  await inParallel(200, 20, (i) => ask(proxy.url, { seed: i, frames: i % 2, everyMs: 1 }, warm));
  closeConnections();
  await sleep(6_000);
  if (wanted.streams > 0) {
    await phase(`${wanted.streams} streams at once for ${wanted.seconds} s`, proxy, async (tally) => {
      const until = performance.now() + wanted.seconds * 1000;
      await Promise.all(
        Array.from({ length: wanted.streams }, async (_, i) => {
          await sleep((i % 100) * 20);
          for (let round = 0; performance.now() < until; round++)
            await ask(proxy.url, { seed: i * 1_000 + round, frames: 20, everyMs: 500 }, tally);
        }),
      );
    });
  }
  // Twice the same: what the second round leaves resident shows whether the first one leaked.
  const left: number[] = [];
  for (const round of [1, 2]) {
    const short = Math.ceil(wanted.short / 2);
    const aborted = Math.ceil(wanted.aborted / 2);
    if (short > 0) {
      await phase(`${short} short requests, round ${round}`, proxy, (tally) =>
        inParallel(short, 32, (i) => ask(proxy.url, { seed: i, frames: 0, everyMs: 0 }, tally)),
      );
    }
    if (aborted > 0) {
      await phase(`${aborted} aborted streams, round ${round}`, proxy, (tally) =>
        inParallel(aborted, 32, (i) => ask(proxy.url, { seed: i, frames: 1_000, everyMs: 5 }, tally, 1 + (i % 600))),
      );
      await sleep(200);
      say(`the backend saw ${backend.left} readers leave, ${backend.open} streams still open`);
      promise("no stream of a departed client stays open at the backend", backend.open === 0);
    }
    left.push(proxy.usage()?.residentMb ?? 0);
  }
  say(`resident after each round: ${left.map((mb) => `${Math.round(mb)} MB`).join(", ")}`);
  promise("a second round leaves no more resident than the first", (left[1] ?? 0) <= (left[0] ?? 0) * 1.2);
  for (let round = 0; round < wanted.crashes; round++) proxy = await crash(backend.url, db, proxy, round);
  closeConnections();
  await proxy.kill("SIGTERM");
} finally {
  await proxy.kill("SIGKILL").catch(() => {});
  backend.close();
  rmSync(folder, { recursive: true, force: true });
}
say(broken.length === 0 ? "every promise kept" : `broken: ${broken.join("; ")}`);
process.exit(broken.length === 0 ? 0 : 1);
