/**
 * 10,000 recordings through today's fixes, read from a database one after the other on one core.
 * They are the recordings that the project carries (test/streams/recordings), over and over under
 * other ids, with other reply ids in the bytes so that no two replies are the same;
 * what was sent then was made with the HTTP chunks they came in, and the replay has only the frames.
 * Identical means: same request forwarded, same bytes sent, recorded cuts and, for every tenth, random ones.
 *
 *   node bench/replay.ts [count]
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { planFixes } from "../src/fixes/index.ts";
import { importRecordings } from "../src/recorder/import-file.ts";
import { openReader } from "../src/recorder/reader.ts";
import { replay } from "../src/replay/replay.ts";
import type { Recording } from "../src/core/recording.ts";
import type { RecordedCall } from "../src/demo/recorded.ts";
import { CALLS, recordingOf } from "../test/replay/recorded.ts";

const COUNT = Number(process.argv[2] ?? 10_000);
const plan = planFixes({ enabled: true, modules: {} });
const calls = [...CALLS.values()].flat().filter((call) => call.method === "POST" && call.reads.length > 0);

function* recordings(): Generator<Recording> {
  for (let i = 0; i < COUNT; i++) {
    const call = calls[i % calls.length];
    if (call) yield recordingOf(varied(call, i), plan, `bench${String(i).padStart(8, "0")}`);
  }
}

/** The same length, other bytes: the `chatcmpl-` ids. */
function varied(call: RecordedCall, i: number): RecordedCall {
  const mark = String(i).padStart(8, "0");
  const vary = (bytes: Buffer): Buffer => Buffer.from(bytes.toString("latin1").replaceAll(/chatcmpl-.{8}/g, `chatcmpl-${mark}`), "latin1");
  return { ...call, reads: call.reads.map(({ t, data }) => ({ t, data: vary(data) })) };
}

const folder = mkdtempSync(join(tmpdir(), "llama-proxy-bench-"));
try {
  const path = join(folder, "r.db");
  const seeding = performance.now();
  importRecordings(path, recordings(), Date.now());
  say(`${COUNT} recordings of ${calls.length} kinds written in ${seconds(seeding)}, ${(statSync(path).size / 1e6).toFixed(1)} MB`);

  using reader = openReader(path);
  const begun = performance.now();
  const cpu = process.cpuUsage();
  let identical = 0;
  let mended = 0;
  let frames = 0;
  let bytes = 0;
  let n = 0;
  const different: string[] = [];
  for (const recording of reader.iterate()) {
    const report = replay(recording, plan);
    const recut = n % 10 === 0 ? replay(recording, plan, { recut: { kind: "random", seed: n } }) : report;
    if (report.sameAsThen && recut.sameAsThen) identical += 1;
    else different.push(recording.id);
    if (!report.sameAsUpstream) mended += 1;
    frames += report.frames.length;
    for (const frame of report.frames) bytes += frame.upstream.length;
    n += 1;
  }
  const wall = performance.now() - begun;
  const used = process.cpuUsage(cpu);
  say(
    `${n} replayed in ${(wall / 1000).toFixed(1)} s (${((used.user + used.system) / 1e6).toFixed(1)} s of one core), ${Math.round((n / wall) * 1000)} a second: ${frames} frames, ${(bytes / 1e6).toFixed(1)} MB`,
  );
  say(`identical ${identical} of ${n} (${((identical / n) * 100).toFixed(2)} %), ${mended} of them mended`);
  if (different.length > 0) say(`different: ${different.slice(0, 10).join(", ")}`);
  process.exitCode = identical === n ? 0 : 5;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
