/**
 * A process that records until it is killed or its disk is full.
 * Arguments: file, exchanges a second, bytes of each reply, seconds.
 * Says on stdout, one JSON line each: what ended and when, notices, and the stats at the end.
 */
import { randomBytes } from "node:crypto";
import { createRecorder } from "../../../src/recorder/recorder.ts";
import { chat, endOf, play, playBegin, startOf } from "../support.ts";

const [path = "", rate = "50", size = "1000", seconds = "60"] = process.argv.slice(2);

function say(fact: object): void {
  process.stdout.write(`${JSON.stringify(fact)}\n`);
}

{
  await using recorder = createRecorder({ path, onNotice: ({ kind }) => say({ notice: kind }) });
  // One stream runs through all of it, a frame every 20 ms.
  const running = playBegin(recorder, chat("00-running", { start: startOf("00-running", { at: Date.now() }), frames: [] }));
  // Its thread takes its time to start where the machine is busy: that is not what is looked at.
  while (recorder.stats().state === "starting") await new Promise((resolve) => setTimeout(resolve, 5));
  const begun = Date.now();
  let n = 0;
  while (Date.now() - begun < Number(seconds) * 1000) {
    running.step?.(Date.now() - begun, {
      frame: { raw: Buffer.from(`data: ${n}\n\n`), event: undefined, data: undefined },
      deltas: [],
      out: [],
      sent: [],
    });
    const due = Math.floor(((Date.now() - begun) / 1000) * Number(rate));
    for (; n < due; n++) {
      const id = `01-${String(n).padStart(6, "0")}`;
      const raw = randomBytes(Number(size));
      play(recorder, chat(id, { start: startOf(id, { at: Date.now() }), frames: [{ atMs: 1, upstream: raw }] }));
      say({ ended: id, at: Date.now(), bytes: raw.length });
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  running.end(endOf({ outcome: "shutdown" }));
  say({ stats: recorder.stats() });
}
say({ closed: true });
