/**
 * Recording files are fuzzed from both sides: `import` writes what a stranger's file says into a real database,
 * and readers read a database that a disk or a copy has damaged.
 */
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { importRecordings } from "../../src/recorder/import-file.ts";
import { createRecorder } from "../../src/recorder/recorder.ts";
import { openReader, ReaderError } from "../../src/recorder/reader.ts";
import { hashOf } from "../../src/replay/format.ts";
import { contentHash, PortableError, readPortable } from "../../src/replay/portable.ts";
import { parseOrUndefined } from "../../src/wire/json.ts";
import { chat, play } from "../recorder/support.ts";
import { jsonTexts } from "./inputs.ts";
import type { Target } from "./targets.ts";

const NOW = 1_800_000_000_000;

/** A recording as a portable file has it, short enough that a corpus of them stays readable. */
const RECORDING = {
  id: "a",
  started_ms: NOW,
  method: "POST",
  path: "/v1/chat/completions",
  route: "/v1/chat/completions",
  dialect: "openai.chat_completions",
  session: "s",
  outcome: "completed",
  truncated: false,
  metrics: { model: "m", promptTokens: 10, durationMs: 12.5, streaming: true, outcome: "completed", status: 200, fixes: ["x"] },
  request: { headers: [["Host", "x"]], body: '{"model":"m"}', forwarded: { base64: "e30=" } },
  response: {
    status: 200,
    headers: [["A", "b"]],
    framed: true,
    pieces: [
      { at_ms: 1.5, upstream: "data: {}\n\n", sent: "" },
      { at_ms: 2, upstream: { base64: "/w==" } },
    ],
  },
  details: { httpVersion: "1.1", headMs: 1, requestBytes: 13 },
  notes: [{ fix: "x", action: "fixed", target: "frame", rule: "r", before: "a", after: "b" }],
};

type Holder = Record<string, unknown>;

/** Every place in a value that can be written to: what holds it, and under which name. */
function placesIn(value: unknown): { readonly holder: Holder; readonly key: string }[] {
  if (typeof value !== "object" || value === null) return [];
  const holder = value as Holder;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...placesIn(holder[key])]);
}

/** Half of the edits are of the kind that was there, so that more gets past the schema. */
const edit = fc.record({
  place: fc.nat(200),
  fitting: fc.boolean(),
  text: fc.oneof(
    fc.string({ unit: "binary", maxLength: 8 }),
    fc.constantFrom("", "\0", "\ud800", "%", "'", "a\r\n", "__proto__", "running"),
  ),
  number: fc.oneof(fc.constantFrom(0, -1, 0.5, 1e300, -1e-300, 2 ** 31, 2 ** 53, 2 ** 63, 8.64e15), fc.integer()),
  /** Undefined takes the member away. */
  put: fc.oneof(
    jsonTexts.map((text): unknown => parseOrUndefined(text)),
    fc.constantFrom<unknown>(undefined, "", 0, [], {}),
  ),
});

function edited(
  before: unknown,
  { fitting, text, number, put }: { fitting: boolean; text: string; number: number; put: unknown },
): unknown {
  if (fitting && typeof before === "string") return text;
  if (fitting && typeof before === "number") return number;
  return put;
}

/** One to three recordings, up to four members of which are something else. */
const recordings: fc.Arbitrary<string> = fc.array(fc.array(edit, { maxLength: 3 }), { minLength: 1, maxLength: 3 }).map((all) =>
  JSON.stringify(
    all.map((edits, i) => {
      const recording = structuredClone({ ...RECORDING, id: `a${i}` });
      for (const change of edits) {
        const places = placesIn(recording);
        const at = places[change.place % places.length];
        if (at) at.holder[at.key] = edited(at.holder[at.key], change);
      }
      return recording;
    }),
  ),
);

/** A portable file of these, whose hashes are right. */
function portableFile(list: readonly unknown[]): string {
  const lines = list.map((recording) => ({ recording, sha256: hashOf(recording) }));
  const sha256 = createHash("sha256")
    .update(lines.map((line) => line.sha256).join(""))
    .digest("hex");
  return [{ format: "llama-proxy-recordings", version: 1, made_by: "fuzz" }, ...lines, { end: true, recordings: lines.length, sha256 }]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join("");
}

/** Everything that `ls`, `show`, `stats`, `sessions` and `sql` ask of a file. Returns what was refused, by code. */
function readAll(path: string, ids: readonly string[]): string[] {
  const refused = new Set<string>();
  const attempt = (read: () => unknown, statement = false): void => {
    try {
      read();
    } catch (cause) {
      if (!(cause instanceof ReaderError)) throw cause;
      // Only a person's statement may be at fault itself.
      if (!statement && ["sql", "refused", "closed"].includes(cause.code)) throw new Error(`not clear: ${cause.message}`, { cause });
      refused.add(cause.code);
    }
  };
  attempt(() => {
    using reader = openReader(path);
    attempt(() => reader.list({ limit: 100 }));
    attempt(() => reader.list({ fixed: true, session: "s" }));
    for (const id of ids) attempt(() => reader.get(id));
    attempt(() => reader.resolve("last"));
    attempt(() => reader.resolve("01"));
    attempt(() => reader.stats());
    attempt(() => reader.fixLedger());
    attempt(() => reader.sessions());
    attempt(() => [...reader.iterate()]);
    attempt(() => reader.since(0));
    attempt(() => reader.query("SELECT * FROM exchanges"), true);
    attempt(() => reader.query("SELECT count(*) FROM sqlite_schema"), true);
  });
  return [...refused].toSorted((a, b) => (a < b ? -1 : 1));
}

/** Imports into a fresh database each time; what was taken must come out again as it went in. */
function importing(folder: string): Target {
  const empty = join(folder, "empty.db");
  importRecordings(empty, [], NOW);
  const path = join(folder, "import.db");
  return {
    name: "import into a database",
    inputs: recordings,
    weight: 14,
    check(input) {
      // Half a surrogate pair is no text: UTF-8 has no bytes for it, and so neither has the database.
      const list = parseOrUndefined(input.replaceAll(/\\ud[89a-f][0-9a-f]{2}/g, "?"));
      if (!Array.isArray(list)) return "";
      let taken;
      try {
        taken = readPortable(portableFile(list as unknown[]));
      } catch (cause) {
        if (cause instanceof PortableError) return "refused";
        throw cause;
      }
      for (const suffix of ["-wal", "-shm"]) rmSync(path + suffix, { force: true });
      copyFileSync(empty, path);
      const ids = [...new Set(taken.map(({ id }) => id))];
      const { added } = importRecordings(path, taken, NOW);
      if (added !== ids.length) throw new Error(`${added} imported of ${ids.length}`);
      const refused = readAll(path, ids);
      if (refused.length > 0) throw new Error(`imported, and then not readable: ${refused.join(", ")}`);
      using reader = openReader(path);
      for (const id of ids) {
        const [kept, given] = [reader.get(id), taken.find((one) => one.id === id)];
        if (!kept || !given || contentHash(kept) !== contentHash(given)) throw new Error(`${id} came out otherwise than it went in`);
      }
      const again = importRecordings(path, taken, NOW);
      if (again.added > 0) throw new Error("imported a second time");
      return `taken ${ids.length}`;
    },
  };
}

/** What can happen to a file: where, and how many bytes of it (for `flip`: which bit). */
type Damage = readonly [how: "cut" | "flip" | "zero" | "fill" | "swap", at: number, length: number];

/** Some bytes more than the file has: its size depends on the machine's SQLite. */
const SIZE = 120_000;
const anywhere = fc.noBias(fc.nat(SIZE));

const damages: fc.Arbitrary<string> = fc
  .array(
    fc.tuple(
      fc.constantFrom("cut", "flip", "flip", "flip", "flip", "zero", "fill", "swap"),
      // The header, and beginnings of pages, say what the rest means.
      fc.oneof(
        { weight: 6, arbitrary: anywhere },
        { weight: 1, arbitrary: fc.nat(100) },
        { weight: 2, arbitrary: anywhere.map((at) => at - (at % 4096) + (at % 16)) },
      ),
      fc.oneof(fc.nat(64), fc.noBias(fc.nat(8192))),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((all) => JSON.stringify(all));

export function damage(bytes: Buffer, all: readonly Damage[]): Buffer {
  let out: Buffer = Buffer.from(bytes);
  for (const [how, place, length] of all) {
    if (out.length === 0) break;
    const at = place % out.length;
    const end = Math.min(out.length, at + length);
    if (how === "cut") out = out.subarray(0, at);
    else if (how === "flip") out[at] = (out[at] ?? 0) ^ (1 << (length % 8));
    else if (how === "swap") out.copyWithin(at, end);
    else out.fill(how === "zero" ? 0 : 0xff, at, end);
  }
  return out;
}

/** A whole file, its journal folded in, with a few recordings of several kinds. */
export async function recordedFile(path: string): Promise<readonly string[]> {
  await using recorder = createRecorder({ path });
  const ids = ["01A", "01B", "01C", "01D"];
  for (const id of ids) play(recorder, chat(id, { body: Buffer.from(`{"model":"m","messages":"${id.repeat(2_000)}"}`) }));
  return ids;
}

/** Reads what is damaged: data, or an error of the reader's own; the file stays as it is. */
async function reading(folder: string): Promise<Target> {
  const whole = join(folder, "whole.db");
  const ids = await recordedFile(whole);
  const bytes = readFileSync(whole);
  const place = join(folder, "damaged");
  mkdirSync(place);
  const path = join(place, "damaged.db");
  return {
    name: "a damaged database",
    inputs: damages,
    weight: 14,
    check(input) {
      const all = parseOrUndefined(input);
      if (!Array.isArray(all)) return "";
      const broken = damage(bytes, all as Damage[]);
      for (const name of readdirSync(place)) rmSync(join(place, name));
      writeFileSync(path, broken);
      const refused = readAll(path, ids);
      if (!readFileSync(path).equals(broken)) throw new Error("reading has changed the file");
      // SQLite makes a journal's index, and an empty journal, to read a file that has been in WAL mode.
      const written = readdirSync(place).filter((name) => !/db$|-shm$/.test(name) && statSync(join(place, name)).size > 0);
      if (written.length > 0) throw new Error(`reading has written ${written.join(", ")}`);
      return refused.join(" ");
    },
  };
}

/** Both, with their files in this folder. */
export async function recordingTargets(folder: string): Promise<readonly Target[]> {
  return [importing(folder), await reading(folder)];
}
