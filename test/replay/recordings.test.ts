import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { planFixes } from "../../src/fixes/index.ts";
import { loadRecordings } from "../../src/demo/recorded.ts";
import { openReader } from "../../src/recorder/reader.ts";
import { replay } from "../../src/replay/replay.ts";
import { recordedDatabase } from "../cli/support.ts";

const FOLDERS = ["../streams/recordings/", "../../../shared/llama-server/recordings/"].filter((folder) =>
  existsSync(new URL(folder, import.meta.url)),
);

test.each(FOLDERS)(
  "live = replay: every recording in %s, through the sidecar and back from the database",
  async (folder) => {
    const recordings = loadRecordings(new URL(folder, import.meta.url));
    // A client needs its whole head; what was recorded of raw sockets is asked elsewhere (test/live).
    const calls = [...recordings.values()]
      .flat()
      .filter((call) => call.complete && call.path.startsWith("/") && ["GET", "POST"].includes(call.method));
    expect(calls.length).toBeGreaterThan(30);
    const { db } = await recordedDatabase(calls);
    const plan = planFixes({ enabled: true, modules: {} });
    using reader = openReader(db);
    let streams = 0;
    for (const recording of reader.iterate()) {
      const report = replay(recording, plan);
      expect([recording.path, recording.outcome, report.sameAsThen, report.remarks.join()]).toEqual([
        recording.path,
        recording.outcome,
        true,
        report.remarks.join(),
      ]);
      expect(replay(recording, plan, { recut: { kind: "random", seed: 1 } }).sameAsThen).toBe(true);
      if (report.treatment === "stream") streams += 1;
    }
    expect(streams).toBeGreaterThan(10);
  },
  60_000,
);
