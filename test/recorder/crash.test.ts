import Database from "better-sqlite3";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { openReader } from "../../src/recorder/reader.ts";
import { createRecorder } from "../../src/recorder/recorder.ts";
import { asNobody, chat, endOf, play, playBegin, temporary, until } from "./support.ts";

const record = fileURLToPath(new URL("./children/record.ts", import.meta.url));
const dyingWorker = new URL("./children/dying-worker.ts", import.meta.url);

function integrity(path: string): unknown {
  const db = new Database(path, { readonly: true });
  try {
    return db.pragma("integrity_check", { simple: true });
  } finally {
    db.close();
  }
}

describe("kill -9", () => {
  // The second is a promise of a machine that is not overrun: where tests share it, once more.
  test.each([
    [300, 0],
    [1250, 1],
    [1800, 20],
  ])("after %i ms: the file is whole, what ended a second before is in it", { retry: 2 }, async (ms, least) => {
    using folder = temporary();
    const path = folder.file();
    const child = spawn(process.execPath, [record, path, "100", "3000"], { stdio: ["ignore", "pipe", "inherit"] });
    const ended: { ended: string; at: number }[] = [];
    createInterface({ input: child.stdout }).on("line", (line) => {
      const fact = JSON.parse(line) as { ended?: string; at?: number };
      if (fact.ended !== undefined && fact.at !== undefined) ended.push({ ended: fact.ended, at: fact.at });
    });
    await until(() => ended.length > 0, "the first exchange");
    await new Promise((resolve) => setTimeout(resolve, ms));
    const killed = Date.now();
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("close", resolve));

    expect(integrity(path)).toBe("ok");
    {
      using reader = openReader(path);
      const whole = new Set(reader.list({ limit: 10_000 }).flatMap(({ id, outcome }) => (outcome === "completed" ? [id] : [])));
      const due = ended.filter(({ at }) => killed - at > 1000);
      expect(due.length).toBeGreaterThanOrEqual(least);
      expect(due.filter(({ ended: id }) => !whole.has(id))).toEqual([]);
      for (const { ended: id } of due) expect(reader.get(id)?.response?.pieces[0]?.upstream).toHaveLength(3000);
    }
    {
      await using next = createRecorder({ path });
      play(next, chat("99-next"));
    }
    using reader = openReader(path);
    const running = reader.list({ limit: 10_000 }).find(({ id }) => id === "00-running");
    expect(running).toMatchObject({ outcome: "interrupted", truncated: true });
    // The beginning of the stream that was cut off, up to a second before.
    expect(reader.get("00-running")?.response?.pieces.length ?? 0).toBeGreaterThanOrEqual(least);
    expect(reader.list({ limit: 10_000 }).filter(({ outcome }) => outcome === "running")).toEqual([]);
  });
});

test.skipIf(process.platform === "win32")("disk full: said once, counted, the file stays whole and readable", () => {
  using folder = temporary();
  const path = folder.file();
  // A limit on file size is the disk that anybody may fill: 2 MB, in blocks of 512 bytes.
  const script = `trap '' XFSZ; ulimit -f 4096; exec "$0" "$@"`;
  const child = spawnSync("sh", ["-c", script, process.execPath, record, path, "200", "20000", "2"], { encoding: "utf8" });
  expect(child.stderr).toBe("");
  expect(child.status).toBe(0);
  const facts = child.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { notice?: string; stats?: { state: string; written: number; dropped: Record<string, number> } });
  const stats = facts.find((fact) => fact.stats)?.stats;
  expect(facts.filter((fact) => fact.notice).map((fact) => fact.notice)[0]).toBe("degraded");
  expect(stats?.state).toBe("degraded:disk-full");
  expect(stats?.dropped["disk-full"]).toBeGreaterThan(10);
  expect(stats?.written).toBeGreaterThan(10);
  expect(integrity(path)).toBe("ok");
  using reader = openReader(path);
  const completed = reader.list({ limit: 1000 }).filter(({ outcome, truncated }) => outcome === "completed" && !truncated);
  expect(completed.length).toBeGreaterThan(10);
  for (const { id } of completed) expect(reader.get(id)?.response?.pieces[0]?.upstream).toHaveLength(20_000);
});

describe.skipIf(process.platform === "win32")("where nothing may be written", () => {
  test.each([
    ["an empty folder", false],
    ["a folder with a recording", true],
  ])("%s: said once, counted, exit 0", async (_what, recorded) => {
    using folder = temporary();
    if (recorded) {
      await using recorder = createRecorder({ path: folder.file() });
      play(recorder, chat("01A"));
    }
    chmodSync(folder.path, 0o555);
    const child = asNobody([record, folder.file(), "50", "100", "1"]);
    chmodSync(folder.path, 0o700);
    expect(child.stderr).toBe("");
    expect(child.status).toBe(0);
    expect(child.stdout.match(/"notice"/g)).toHaveLength(1);
    expect(child.stdout).toMatch(/"state":"degraded:read-only".*"written":0,"dropped":\{"read-only":[1-9]/);
    expect(child.stdout).toContain("--db");
  });
});

describe("the worker's death", () => {
  test("once: started again, running exchanges go on truncated", async () => {
    using folder = temporary();
    const notices: string[] = [];
    {
      await using recorder = createRecorder({ path: folder.file(), worker: dyingWorker, onNotice: ({ kind }) => notices.push(kind) });
      play(recorder, chat("01A"));
      const running = playBegin(recorder, chat("01B"));
      await until(() => recorder.stats().written === 1, "the first");
      play(recorder, chat("DIE"));
      await until(() => notices.length > 0, "the death");
      running.step?.(200, {
        frame: { raw: Buffer.from("late"), event: undefined, data: undefined },
        deltas: [],
        out: [],
        sent: [Buffer.from("late")],
      });
      running.end(endOf());
      await until(() => recorder.stats().written === 2, "the second");
      expect(recorder.stats()).toMatchObject({ state: "ok", dropped: { "worker-died": 1 } });
    }
    expect(notices).toEqual(["worker-restarted"]);
    using reader = openReader(folder.file());
    expect(reader.get("01A")).toMatchObject({ outcome: "completed", truncated: false });
    expect(reader.get("01B")).toMatchObject({ outcome: "completed", truncated: true });
    expect(Buffer.from(reader.get("01B")?.response?.pieces.at(-1)?.upstream ?? []).toString()).toBe("late");
  });

  test("twice: failed, said, and the sidecar goes on", async () => {
    using folder = temporary();
    const notices: string[] = [];
    await using recorder = createRecorder({ path: folder.file(), worker: dyingWorker, onNotice: ({ kind }) => notices.push(kind) });
    playBegin(recorder, chat("DIE-1"));
    await until(() => notices.length === 1, "the first death");
    const tap = playBegin(recorder, chat("DIE-2"));
    await until(() => notices.length === 2, "the second death");
    tap.end(endOf());
    expect(notices).toEqual(["worker-restarted", "failed"]);
    await until(() => recorder.stats().queuedBytes === 0, "the queue to empty");
    expect(recorder.stats()).toMatchObject({ state: "failed", dropped: { "worker-died": 1 } });
    expect(recorder.begin(chat("01C").start)).toBeUndefined();
  });

  test("a worker that cannot even start is failed, not an exception", async () => {
    using folder = temporary();
    await using recorder = createRecorder({ path: folder.file(), worker: new URL("./children/none.ts", import.meta.url) });
    play(recorder, chat("01A"));
    await until(() => recorder.stats().state === "failed", "the failure");
    expect(recorder.stats().problem).toMatch(/ended twice/);
  });
});
