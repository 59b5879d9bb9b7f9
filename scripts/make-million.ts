/**
 * Makes a recording file of many exchanges, spread evenly over the thirty days up to now, through
 * the recorder's own queue, ledger and store (without its thread).
 *
 * node scripts/make-million.ts FILE [exchanges]
 */
import { createKeeper } from "../src/recorder/keeper.ts";
import { manyExchanges } from "../bench/recorder-many.ts";

const [path, count = "1000000"] = process.argv.slice(2);
if (path === undefined) throw new Error("node scripts/make-million.ts FILE [exchanges]");
const total = Number(count);
/** As many as a flush of a busy sidecar holds. */
const BATCH = 20;
const MONTH_MS = 30 * 86_400_000;

const begin = Date.now() - MONTH_MS;
let clock = begin;
let lost = 0;
const keeper = createKeeper(
  { path, onlyErrors: false, rules: [], maxBytes: 1e15, maxAgeMs: 1e15 },
  (message) => {
    if (message.type === "done") lost += message.lost;
  },
  () => clock,
);
const { queue, tell } = manyExchanges("m", () => clock);

let told = 0;
for (let x = 1; x <= total; x++) {
  clock = begin + (x / total) * MONTH_MS;
  tell(x, clock);
  if (x % BATCH !== 0 && x !== total) continue;
  const batch = queue.take();
  if (batch) keeper.batch(batch);
  if (x - told >= 100_000) {
    told = x;
    console.error(`${x} of ${total}`);
  }
}
if (!keeper.close()) throw new Error(`${path} is locked`);
console.log(JSON.stringify({ path, exchanges: total, lost }));
