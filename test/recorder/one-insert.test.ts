import Database from "better-sqlite3";
import { expect, test } from "vitest";
import type { ExchangeTap } from "../../src/core/sink.ts";
import { createKeeper } from "../../src/recorder/keeper.ts";
import { createQueue } from "../../src/recorder/queue.ts";
import { openReader } from "../../src/recorder/reader.ts";
import { bytes, endOf, fixedNote, startOf, tapInto, temporary, viewOf } from "./support.ts";

const NOW = 1_800_000_000_000;

/** What is told of four exchanges, one call after the other. */
const told: readonly ((begin: (id: string, session?: string) => ExchangeTap, taps: Map<string, ExchangeTap>) => void)[] = [
  (begin, taps) => taps.set("01A", begin("01A")),
  (_, taps) => taps.get("01A")?.request?.(viewOf({ model: "asked" }), bytes('{"messages":[{"content":"one"}]}')),
  (_, taps) => taps.get("01A")?.head?.(2, 200, ["Content-Type", "application/json"]),
  (_, taps) => taps.get("01A")?.chunk?.(3, bytes('{"secret":"s3cr'), bytes('{"secret":"s3cr')),
  (_, taps) => taps.get("01A")?.chunk?.(4, bytes('et","ok":1}'), bytes('et","ok":1}')),
  (_, taps) => taps.get("01A")?.end(endOf({ streamed: false, truncated: true })),
  (begin, taps) => taps.set("01B", begin("01B")),
  (_, taps) => taps.get("01B")?.request?.(viewOf(), bytes('{"messages":[{"content":"one"},{"content":"two"}]}')),
  (_, taps) => taps.get("01B")?.end(endOf({ notes: [fixedNote], summary: { ...endOf().summary, model: "answered" } })),
  (begin, taps) => taps.set("01C", begin("01C", "from the headers")),
  (_, taps) => taps.get("01C")?.request?.(viewOf({ conversation: "from the body" }), bytes('{"messages":[]}')),
  (_, taps) => taps.get("01C")?.end(endOf({ outcome: "upstream-broke", reason: "why", errorType: "ECONNRESET", status: undefined })),
  (begin, taps) => taps.set("01D", begin("01D")),
  (_, taps) => taps.get("01D")?.request?.(viewOf({ conversation: "from the body" }), bytes('{"messages":[]}')),
  (_, taps) => taps.get("01D")?.end(endOf()),
];

/** Writes them with a batch after every `together` calls, and reads everything back. */
function recorded(together: number) {
  using folder = temporary();
  const path = folder.file();
  const settings = { path, onlyErrors: false, rules: [{ pointer: "/secret" }], maxBytes: 1e9, maxAgeMs: 1e12 };
  const keeper = createKeeper(
    settings,
    () => undefined,
    () => NOW,
  );
  const queue = createQueue(1e9);
  const taps = new Map<string, ExchangeTap>();
  let x = 0;
  const begin = (id: string, session?: string) => {
    x += 1;
    const start = startOf(id, { session });
    queue.push(1, { op: "begin", x, start, resumed: false });
    return tapInto(queue, x, start, () => NOW);
  };
  told.forEach((tell, i) => {
    tell(begin, taps);
    if ((i + 1) % together > 0 && i + 1 < told.length) return;
    const batch = queue.take();
    if (batch) keeper.batch(batch);
  });
  keeper.close();
  const db = new Database(path);
  const rows = db.prepare("SELECT * FROM exchange ORDER BY seq").all() as Record<string, unknown>[];
  const notes = db.prepare("SELECT * FROM note").all();
  db.close();
  using reader = openReader(path);
  return { rows, notes, read: ["01A", "01B", "01C", "01D"].map((id) => reader.get(id)) };
}

test("an exchange that is written at once is what one that is written bit by bit is", () => {
  const atOnce = recorded(told.length);
  expect(atOnce).toEqual(recorded(1));
  expect(atOnce).toEqual(recorded(2));
  expect(atOnce.rows).toMatchObject([
    { id: "01A", model: "asked", session: "01A", session_source: "lineage", truncated: 1, redacted: 1, outcome: "completed" },
    { id: "01B", model: "answered", session: "01A", session_source: "lineage", fixes: '["toolcall_bad_filepath"]', redacted: 0 },
    { id: "01C", session: "from the headers", session_source: "header", lineage: null, failed: 1, reason: "why" },
    { id: "01D", session: "from the body", session_source: "body", lineage: null },
  ]);
  expect(new Set(atOnce.rows.map((row) => row["ended_order"])).size).toBe(4);
});
