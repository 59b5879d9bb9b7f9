/**
 * What a coding agent's session costs on disk: 200 turns, each sending the whole history again (it
 * grows to 400 KB) with the same 60 KB of tools, each answered by a stream. Text is made of words in
 * a seeded order, so that it compresses like text and not like a test pattern. Every body is read back and compared.
 *
 * node bench/recorder-session.ts [turns]
 */
import Database from "better-sqlite3";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unpack } from "../src/recorder/bytes.ts";
import { openReader } from "../src/recorder/reader.ts";
import { createRecorder } from "../src/recorder/recorder.ts";
import { agentSession, frameBytes } from "./recorder-traffic.ts";

const turns = Number(process.argv[2] ?? 200);
const folder = mkdtempSync(join(tmpdir(), "llama-proxy-bench-"));
const path = join(folder, "session.db");
const session = agentSession(turns, 400_000, 60_000);

const began = performance.now();
{
  await using recorder = createRecorder({ path });
  for (const turn of session) {
    turn.play(recorder);
    while (recorder.stats().queuedBytes > 8e6) await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
const seconds = (performance.now() - began) / 1000;

let wrong = 0;
{
  using reader = openReader(path);
  for (const turn of session) {
    const recording = reader.get(turn.id);
    const same =
      recording !== undefined &&
      !recording.truncated &&
      Buffer.compare(recording.request.body, turn.body) === 0 &&
      Buffer.compare(Buffer.concat(recording.response?.pieces.map((piece) => piece.upstream) ?? []), frameBytes(turn.frames)) === 0;
    if (!same) wrong += 1;
  }
}

const requests = sum(session.map((turn) => turn.body.length));
const replies = sum(session.map((turn) => frameBytes(turn.frames).length));
const lastRequest = session.at(-1)?.body.length ?? 0;
const stored = storedBytes(path);
const file = statSync(path).size;
console.log(
  JSON.stringify(
    {
      turns,
      seconds: round(seconds),
      wire_bytes: requests + replies,
      request_bytes: requests,
      last_request_bytes: lastRequest,
      reply_bytes: replies,
      stored_uncompressed: stored,
      ratio_to_last_request_and_replies: round(sum(Object.values(stored)) / (lastRequest + replies)),
      file_bytes: file,
      file_percent_of_wire: round((file / (requests + replies)) * 100),
      bodies_not_identical: wrong,
    },
    undefined,
    2,
  ),
);
rmSync(folder, { recursive: true });
if (wrong > 0) process.exitCode = 1;

/** What the tables hold once unpacked: pieces, lists of pieces, replies with their frame index, heads. */
function storedBytes(file: string): Record<string, number> {
  const db = new Database(file, { readonly: true });
  const size = (sql: string) =>
    sum(
      db
        .prepare<[], Uint8Array>(sql)
        .pluck()
        .all()
        .map((blob) => unpack(blob).length),
    );
  const sizes = {
    pieces: size("SELECT data FROM piece_data"),
    lists: size("SELECT entries FROM body"),
    replies: size("SELECT data FROM part"),
    heads: size("SELECT data FROM head"),
  };
  db.close();
  return sizes;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
