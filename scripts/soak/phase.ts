import { closeConnections, newTally, type Tally } from "./load.ts";
import type { Proxy, Status } from "./proxy.ts";
import { promise, say, sleep } from "./verdict.ts";

/** Kept connections to the backend close within a few seconds. */
const SETTLE_MS = 15_000;
/** Most that may be resident with a thousand streams open. */
const PEAK_MB = 1_000;

/** Runs a piece of load while looking at the sidecar's memory and descriptors once a second; returns when it has come to rest. */
export async function phase(name: string, proxy: Proxy, work: (tally: Tally) => Promise<void>): Promise<void> {
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
  const seconds = (performance.now() - begun) / 1000;
  clearInterval(timer);
  closeConnections();
  const status = await atRest(proxy, looks[0]?.descriptors ?? 0);
  look();
  const first = looks[0];
  const last = looks.at(-1);
  const peak = Math.max(...looks.map(({ residentMb }) => residentMb));
  const reasons = [...tally.reasons].map(([reason, count]) => `${reason} ×${count}`).join(", ");
  const { recorder, in_flight, faults, exchanges_total } = status;
  const lost = lostRows(status);
  say(
    `${name}: right ${tally.right}, wrong ${tally.wrong}, failed ${tally.failed}${reasons === "" ? "" : ` (${reasons})`}, aborted ${tally.aborted}; ${seconds.toFixed(1)} s, ` +
      `descriptors ${first?.descriptors} → ${last?.descriptors}, resident ${Math.round(first?.residentMb ?? 0)} → ${Math.round(last?.residentMb ?? 0)} MB (peak ${Math.round(peak)}), ` +
      `exchanges ${exchanges_total}, recorded ${recorder.written}, dropped ${JSON.stringify(recorder.dropped)} (${recorder.state}), faults ${faults}`,
  );
  promise(`${name}: every reply is what the backend said`, tally.wrong === 0);
  promise(`${name}: no request fails`, tally.failed === 0);
  promise(`${name}: nothing stays in flight`, in_flight === 0);
  promise(`${name}: no unexpected fault`, faults === 0);
  promise(`${name}: every exchange is recorded or counted as dropped`, recorder.written + lost === exchanges_total);
  promise(`${name}: the recorder is well`, recorder.state === "ok");
  promise(`${name}: descriptors are given back`, (last?.descriptors ?? 0) <= (first?.descriptors ?? 0));
  promise(`${name}: at most ${PEAK_MB} MB resident`, peak < PEAK_MB);
}

/** Waits until nothing is in flight, the recorder has written what it has, and connections are closed. */
async function atRest(proxy: Proxy, descriptors: number): Promise<Status> {
  const until = performance.now() + SETTLE_MS;
  for (;;) {
    const status = await proxy.status();
    const resting = status.in_flight === 0 && status.recorder.queued_records === 0 && (proxy.usage()?.descriptors ?? 0) <= descriptors;
    if (resting || performance.now() > until) return status;
    await sleep(100);
  }
}

/** Exchanges without a row; `queue-full` are bodies, whose row is kept. */
function lostRows({ recorder }: Status): number {
  return Object.entries(recorder.dropped).reduce((sum, [reason, count]) => sum + (reason === "queue-full" ? 0 : count), 0);
}
