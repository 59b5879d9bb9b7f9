import Database from "better-sqlite3";
import { ask, inParallel, newTally } from "./load.ts";
import { startProxy, type Proxy } from "./proxy.ts";
import { promise, say, sleep } from "./verdict.ts";

/** Kills the sidecar under load and starts another on the same port and file; returns that one. */
export async function crash(backend: string, db: string, before: Proxy, round: number): Promise<Proxy> {
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
  const running = file.prepare("SELECT count(*) FROM exchanges WHERE outcome = 'running'").pluck().get();
  file.close();
  say(
    `kill -9 and restart: port ${before.port} served again after ${Math.round(backMs)} ms, database ${String(sound)}, right ${after.right}/50, cut by the kill ${tally.failed}`,
  );
  promise("kill -9: it hit requests that were under way", tally.failed > 0);
  promise("kill -9: the database is sound", sound === "ok");
  promise("kill -9: what was cut is no longer called running", running === 0);
  promise("kill -9: the next process has the same port", proxy.port === before.port);
  promise("kill -9: requests are served again", after.right === 50);
  return proxy;
}
