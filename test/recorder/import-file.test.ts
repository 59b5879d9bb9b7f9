import { expect, test } from "vitest";
import { importRecordings } from "../../src/recorder/import-file.ts";
import { openReader } from "../../src/recorder/reader.ts";
import { createRecorder } from "../../src/recorder/recorder.ts";
import { bytes, chat, endOf, fixedNote, play, startOf, temporary } from "./support.ts";

test("a recording taken from one file and put into another is the same recording", async () => {
  using folder = temporary();
  {
    await using recorder = createRecorder({ path: folder.file("a.db") });
    play(
      recorder,
      chat("01A", {
        start: startOf("01A", { session: "s" }),
        forwarded: bytes('{"messages":[1]}'),
        frames: [
          { atMs: 1.001, upstream: Uint8Array.of(0xff, 10, 10), sent: bytes("x") },
          { atMs: 2, upstream: bytes("y") },
        ],
        end: endOf({ notes: [fixedNote] }),
      }),
    );
    play(recorder, chat("01B", { framed: false, end: endOf({ status: 500, errorType: "server_error" }) }));
    recorder.begin(startOf("01C"))?.end(endOf({ outcome: "upstream-refused", status: undefined, errorType: "ECONNREFUSED" }));
  }
  using from = openReader(folder.file("a.db"));
  const recordings = [...from.iterate()];
  expect(importRecordings(folder.file("b.db"), recordings, 1)).toEqual({ added: 3, present: [] });
  using to = openReader(folder.file("b.db"));
  expect([...to.iterate()]).toEqual(recordings);
  expect(to.list({ errors: true }).map(({ id }) => id)).toEqual(["01C", "01B"]);
  expect(importRecordings(folder.file("b.db"), recordings, 2)).toEqual({ added: 0, present: ["01A", "01B", "01C"] });
});
