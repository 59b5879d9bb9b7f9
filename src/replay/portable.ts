/**
 * One file of recordings that another machine can read: JSON lines, a head, one line per recording
 * with its hash, and an end that counts them and hashes the hashes, so that a cut or edited file is
 * told apart from a whole one.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { Recording } from "../core/recording.ts";
import { hashOf, PORTABLE_RECORDING, portableOf, recordingFrom } from "./format.ts";

const FORMAT = "llama-proxy-recordings";
const VERSION = 1;

const HEAD = z.strictObject({ format: z.literal(FORMAT), version: z.literal(VERSION), made_by: z.string() });
const LINE = z.strictObject({ recording: PORTABLE_RECORDING, sha256: z.string() });
const END = z.strictObject({ end: z.literal(true), recordings: z.int(), sha256: z.string() });

export const PORTABLE_LINE = z.union([HEAD, LINE, END]);

/** What is wrong with a file, and in which line. */
export class PortableError extends Error {
  constructor(line: number, message: string, options?: ErrorOptions) {
    super(`line ${line}: ${message}`, options);
    this.name = "PortableError";
  }
}

/** The lines of a portable file, line ends included. */
export function* writePortable(recordings: Iterable<Recording>, madeBy: string): Generator<string> {
  yield `${JSON.stringify({ format: FORMAT, version: VERSION, made_by: madeBy })}\n`;
  const all = createHash("sha256");
  let count = 0;
  for (const recording of recordings) {
    const portable = portableOf(recording);
    const sha256 = hashOf(portable);
    all.update(sha256);
    count += 1;
    yield `${JSON.stringify({ recording: portable, sha256 })}\n`;
  }
  yield `${JSON.stringify({ end: true, recordings: count, sha256: all.digest("hex") })}\n`;
}

/** Of what was asked and answered: the same for a recording and its copy, whoever counted its bytes. */
export function contentHash(recording: Recording): string {
  const { method, path, request, response } = portableOf(recording);
  return hashOf({ method, path, request, response });
}

/** Every recording of a file, hashes checked. Throws PortableError at the first thing that is wrong. */
export function readPortable(text: string): Recording[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const first = parseLine(lines[0] ?? "", 1);
  if (!isFormat(first)) throw new PortableError(1, `not a file of recordings; llama-proxy export --format portable makes one`);
  if (first["version"] !== VERSION)
    throw new PortableError(1, `format version ${String(first["version"])}; this llama-proxy reads ${VERSION}`);
  const all = createHash("sha256");
  const recordings: Recording[] = [];
  for (const [i, line] of lines.slice(1, -1).entries()) {
    const { recording, sha256 } = check(LINE, parseLine(line, i + 2), i + 2);
    if (hashOf(recording) !== sha256)
      throw new PortableError(i + 2, `recording ${recording.id} does not match its hash: it was changed on the way`);
    all.update(sha256);
    recordings.push(recordingFrom(recording));
  }
  const last = parseLine(lines.at(-1) ?? "", lines.length);
  const end = END.safeParse(last).data;
  if (!end) throw new PortableError(lines.length, "the file is cut: it has no end line");
  if (end.recordings !== recordings.length || end.sha256 !== all.digest("hex"))
    throw new PortableError(lines.length, `lines are missing or in another order: ${recordings.length} recordings of ${end.recordings}`);
  return recordings;
}

function parseLine(line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new PortableError(number, "not JSON: the file is cut, or another kind of file", { cause });
  }
}

function isFormat(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && "format" in value && value.format === FORMAT;
}

function check<S extends z.ZodType>(schema: S, value: unknown, number: number): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new PortableError(number, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not a recording"}`);
}
