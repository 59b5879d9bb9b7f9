/** Commands that read, on recording files that a disk or a copy has damaged. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createRecorder } from "../../src/recorder/recorder.ts";
import { cli, temporaryFolder } from "../cli/support.ts";
import { chat, play } from "../recorder/support.ts";

const COMMANDS: readonly (readonly string[])[] = [["ls"], ["show", "01A"], ["stats"], ["sql", "SELECT * FROM exchanges"]];

/** A whole file with a few recordings, its journal folded in. */
async function wholeFile(path: string): Promise<Buffer> {
  {
    await using recorder = createRecorder({ path });
    for (const id of ["01A", "01B", "01C"]) play(recorder, chat(id, { body: Buffer.from(id.repeat(4_000)) }));
  }
  return readFileSync(path);
}

const whole = await wholeFile(join(temporaryFolder(), "whole.db"));

test.each<[string, (bytes: Buffer) => Buffer]>([
  ["empty", () => Buffer.alloc(0)],
  ["cut in its header", (bytes) => bytes.subarray(0, 60)],
  ["cut in the middle", (bytes) => bytes.subarray(0, bytes.length / 2)],
  ["without its header", (bytes) => Buffer.concat([Buffer.alloc(100), bytes.subarray(100)])],
  ["all but its header overwritten", (bytes) => Buffer.concat([bytes.subarray(0, 100), Buffer.alloc(bytes.length - 100, 0xff)])],
])("%s: a clear error, no crash, and not a byte is written", async (_what, broken) => {
  const path = join(temporaryFolder(), "damaged.db");
  const bytes = broken(whole);
  writeFileSync(path, bytes);
  for (const command of COMMANDS) {
    const { code, stderr, stdout } = await cli([...command, "--db", path]);
    expect([1, 3]).toContain(code);
    expect(stderr).toMatch(/^error: .*damaged\.db/);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stdout.length).toBe(0);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  }
});
