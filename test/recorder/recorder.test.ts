import { describe, expect, test } from "vitest";
import { openReader } from "../../src/recorder/reader.ts";
import { createRecorder, type RecorderNotice } from "../../src/recorder/recorder.ts";
import { metricsOf } from "../../src/core/metrics.ts";
import { bytes, chat, endOf, fixedNote, play, playBegin, startOf, temporary, until, viewOf } from "./support.ts";

describe("what goes in comes out", () => {
  test("a streamed exchange with a changed frame, byte for byte", async () => {
    using folder = temporary();
    const path = folder.file("deep/er/r.db");
    const played = chat("01A", {
      start: startOf("01A", { headers: ["Authorization", "Bearer sk-1", "X-Ä", "ü"], session: "ses-1" }),
      forwarded: bytes('{"messages":[]}'),
      frames: [
        { atMs: 21.001, upstream: bytes("data: 1\n\n") },
        { atMs: 21.001, upstream: new Uint8Array([0xff, 0xfe, 10, 10]), sent: bytes("data: mended\n\n") },
        { atMs: 30.5, upstream: bytes("data: held\n\n"), sent: new Uint8Array(0) },
        { atMs: 99, upstream: new Uint8Array(0), sent: bytes("made up") },
      ],
      end: endOf({ notes: [fixedNote] }),
    });
    {
      await using recorder = createRecorder({ path, trace: () => ({ traceId: "t".repeat(32), spanId: "s".repeat(16) }) });
      play(recorder, played);
    }
    using reader = openReader(path);
    const recording = reader.get("01A");
    if (!recording) throw new Error("not recorded");
    expect(recording.request.body).toEqual(Buffer.from(played.body));
    expect(recording.request.forwarded).toEqual(Buffer.from('{"messages":[]}'));
    expect(recording.request.headers).toEqual(["Authorization", "[redacted]", "X-Ä", "ü"]);
    expect(recording.response?.headers).toEqual(["Content-Type", "text/event-stream", "Set-Cookie", "[redacted]"]);
    expect(recording.response?.framed).toBe(true);
    expect(recording.response?.pieces.map(({ seq, atMs, upstream, sent }) => [seq, atMs, [...upstream], [...sent]])).toEqual(
      played.frames.map(({ atMs, upstream, sent }, seq) => [seq, atMs, [...upstream], [...(sent ?? upstream)]]),
    );
    const [first] = recording.response?.pieces ?? [];
    expect(first?.sent).toBe(first?.upstream);
    expect(recording.notes).toEqual([fixedNote]);
    const { outcome, ...metrics } = metricsOf(played.start, viewOf(), played.end);
    expect(recording).toMatchObject({
      outcome,
      metrics,
      session: "ses-1",
      traceId: "t".repeat(32),
      spanId: "s".repeat(16),
      truncated: false,
    });
    expect(recording.metrics).toEqual(metrics);
    expect(recording.details).toMatchObject({ httpVersion: "1.1", headMs: 15.5, attempts: 1, timings: { promptN: 40 } });
  });

  test("a reply that came whole, and an exchange that never got a reply", async () => {
    using folder = temporary();
    const path = folder.file();
    {
      await using recorder = createRecorder({ path });
      play(
        recorder,
        chat("01A", {
          framed: false,
          frames: [
            { atMs: 5, upstream: bytes('{"a"') },
            { atMs: 6, upstream: bytes(":1}") },
          ],
        }),
      );
      const tap = recorder.begin(startOf("01B"));
      tap?.request?.(undefined, bytes("not json"));
      tap?.end(
        endOf({
          outcome: "upstream-refused",
          reason: "no backend",
          errorType: "ECONNREFUSED",
          status: 502,
          summary: { finishReasons: [], toolCalls: 0, chunks: 0 },
        }),
      );
    }
    using reader = openReader(path);
    expect(reader.get("01A")?.response?.framed).toBe(false);
    expect(Buffer.concat(reader.get("01A")?.response?.pieces.map((piece) => piece.upstream) ?? []).toString()).toBe('{"a":1}');
    const failed = reader.get("01B");
    expect(failed?.response).toBeUndefined();
    expect(Buffer.from(failed?.request.body ?? []).toString()).toBe("not json");
    expect(failed).toMatchObject({ outcome: "upstream-refused", reason: "no backend", errorType: "ECONNREFUSED" });
    expect(failed?.metrics).toEqual({
      model: undefined,
      client: "test",
      status: 502,
      durationMs: 120.5,
      ttftMs: 30.25,
      contextTotal: 4096,
      streaming: true,
      fixes: [],
    });
  });
});

test("tells how long its transactions took, each once", async () => {
  using folder = temporary();
  await using recorder = createRecorder({ path: folder.file() });
  play(recorder, chat("01A", {}));
  await until(() => recorder.stats().written === 1);
  const [took] = recorder.takeWriteMs();
  expect(took).toBeGreaterThan(0);
  expect(took).toBeLessThan(60_000);
  expect(recorder.takeWriteMs()).toEqual([]);
});

test("knows of an open exchange whether all of it is kept", async () => {
  using folder = temporary();
  await using recorder = createRecorder({ path: folder.file(), maxQueueBytes: 64 * 1024 });
  const small = playBegin(recorder, chat("01A"));
  expect(recorder.keeps("01A")).toBe(true);
  expect(recorder.keeps("01Z")).toBe(false);
  const large = playBegin(recorder, chat("01B", { body: new Uint8Array(256 * 1024) }));
  expect(recorder.keeps("01B")).toBe(false);
  small.end(endOf());
  large.end(endOf());
  expect(recorder.keeps("01A")).toBe(false);
});

test("keeps nothing in a file that cannot be written", async () => {
  await using recorder = createRecorder({ path: "/dev/null/r.db" });
  await until(() => recorder.stats().state.startsWith("degraded:") || recorder.stats().state === "failed");
  recorder.begin(startOf("01A"));
  expect(recorder.keeps("01A")).toBe(false);
});

describe("what is recorded", () => {
  test("pass-through routes only when asked for", async () => {
    using folder = temporary();
    await using understood = createRecorder({ path: folder.file("a.db") });
    await using all = createRecorder({ path: folder.file("b.db"), routes: "all" });
    const start = startOf("01A", { dialect: undefined, route: "*" });
    expect(understood.begin(start)).toBeUndefined();
    expect(all.begin(start)).toBeDefined();
  });

  test("a share of the exchanges, the same ones every time", async () => {
    using folder = temporary();
    await using half = createRecorder({ path: folder.file(), record: 0.5 });
    const ids = Array.from({ length: 1000 }, (_, i) => `01K${i.toString(36).padStart(8, "0")}`);
    const kept = ids.filter((id) => half.begin(startOf(id)) !== undefined);
    expect(kept.length).toBeGreaterThan(400);
    expect(kept.length).toBeLessThan(600);
    expect(ids.filter((id) => half.begin(startOf(id)) !== undefined)).toEqual(kept);
  });

  test("errors only: nothing of the others is on disk", async () => {
    using folder = temporary();
    const path = folder.file();
    {
      await using recorder = createRecorder({ path, record: "errors" });
      play(recorder, chat("01A", {}));
      play(recorder, chat("01B", { end: endOf({ status: 500, errorType: "server_error" }) }));
      play(recorder, chat("01C", { end: endOf({ outcome: "client-gone" }) }));
    }
    using reader = openReader(path);
    expect(reader.list().map((exchange) => exchange.id)).toEqual(["01B"]);
    expect(reader.get("01B")?.response?.pieces).toHaveLength(2);
    expect(reader.query("SELECT count(*) FROM piece").rows).toEqual([[3]]);
  });
});

describe("bounds", () => {
  test("over the queue's limit bodies are dropped, rows kept, one notice", async () => {
    using folder = temporary();
    const path = folder.file();
    const notices: RecorderNotice[] = [];
    const big = new Uint8Array(60_000).fill(97);
    {
      await using recorder = createRecorder({ path, maxQueueBytes: 100_000, onNotice: (notice) => notices.push(notice) });
      for (let i = 0; i < 5; i++) play(recorder, chat(`01${i}`, { frames: [{ atMs: 1, upstream: big }] }));
      expect(recorder.stats().queuedBytes).toBeLessThan(100_000 + 5 * 8192);
      expect(recorder.stats().dropped).toEqual({ "queue-full": 4 });
    }
    expect(notices.map((notice) => notice.kind)).toEqual(["queue-full"]);
    using reader = openReader(path);
    expect(reader.list().map(({ id, truncated, outcome }) => [id, truncated, outcome])).toEqual([
      ["014", true, "completed"],
      ["013", true, "completed"],
      ["012", true, "completed"],
      ["011", true, "completed"],
      ["010", false, "completed"],
    ]);
    expect(reader.get("014")?.request.body.length).toBeGreaterThan(0);
    expect(reader.get("014")?.response?.pieces).toEqual([]);
  });

  test("a stream still running can be read within a second", async () => {
    using folder = temporary();
    const path = folder.file();
    await using recorder = createRecorder({ path });
    const tap = playBegin(recorder, chat("01A"));
    await until(() => recorder.stats().state === "ok", "the file");
    await new Promise((resolve) => setTimeout(resolve, 1000));
    using reader = openReader(path);
    expect(reader.get("01A")).toMatchObject({ outcome: "running" });
    expect(reader.get("01A")?.response?.pieces).toHaveLength(2);
    tap.step?.(130, { frame: { raw: bytes("late"), event: undefined, data: undefined }, deltas: [], out: [], sent: [] });
    tap.end(endOf());
    await until(() => recorder.stats().written === 1, "the end");
    expect(reader.get("01A")?.response?.pieces.map((piece) => piece.seq)).toEqual([0, 1, 2]);
  });
});
