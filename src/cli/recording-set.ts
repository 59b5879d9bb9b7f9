/** Several recordings as a command names them: ids, `--since`, `--from FILE`, or all there are. */
import { readFileSync } from "node:fs";
import type { Recording } from "../core/recording.ts";
import type { Reader } from "../recorder/reader.ts";
import { PortableError, readPortable } from "../replay/portable.ts";
import { openRecordings, resolveId, sinceOf, type DatabaseOptions } from "./database.ts";
import { EXIT, Failure } from "./print.ts";

export interface SetOptions extends DatabaseOptions {
  readonly since?: string;
  /** A portable file instead of the database. */
  readonly from?: string;
}

export interface RecordingSet extends Disposable {
  /** Oldest first, or in the order of the ids; one in memory at a time where they come from the database. */
  recordings(): Iterable<Recording>;
  get(id: string): Recording | undefined;
  /** What it was read from. */
  readonly source: string;
}

export async function openSet(ids: readonly string[], options: SetOptions): Promise<RecordingSet> {
  if (ids.length > 0 && options.since !== undefined) throw new Failure(EXIT.usage, "give either ids or --since");
  if (options.from !== undefined) {
    if (options.since !== undefined) throw new Failure(EXIT.usage, "--since asks the database; with --from give ids, or nothing for all");
    return fromFile(options.from, ids);
  }
  const since = sinceOf(options.since, Date.now());
  const reader = await openRecordings(options);
  try {
    const wanted = ids.map((spec) => resolveId(reader, spec));
    return {
      recordings: () => (wanted.length > 0 ? byId(reader, wanted) : finished(reader.iterate(since === undefined ? {} : { since }))),
      get: (id) => reader.get(id),
      source: reader.path,
      [Symbol.dispose]: () => reader.close(),
    };
  } catch (cause) {
    reader.close();
    throw cause;
  }
}

function fromFile(path: string, ids: readonly string[]): RecordingSet {
  const all = readFile(path);
  const wanted = ids.map((spec) => {
    const found = all.find(({ id }) => id === spec) ?? all.find(({ id }) => id.startsWith(spec));
    if (!found)
      throw new Failure(
        EXIT.notFound,
        `no recording "${spec}" in ${path}; it holds ${all
          .map(({ id }) => id)
          .slice(0, 5)
          .join(", ")}`,
      );
    return found;
  });
  const chosen = wanted.length > 0 ? wanted : all;
  const byId = new Map(chosen.map((recording) => [recording.id, recording]));
  return { recordings: () => chosen, get: (id) => byId.get(id), source: path, [Symbol.dispose]: () => {} };
}

/** The recordings of a portable file. Its faults leave as Failure. */
export function readFile(path: string): Recording[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new Failure(EXIT.notFound, `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  try {
    return readPortable(text);
  } catch (cause) {
    if (cause instanceof PortableError) throw new Failure(EXIT.failure, `${path}, ${cause.message}`, { cause });
    throw cause;
  }
}

function* byId(reader: Reader, ids: readonly string[]): Generator<Recording> {
  for (const id of ids) {
    const recording = reader.get(id);
    if (!recording) throw new Failure(EXIT.notFound, `exchange ${id} has just been removed from ${reader.path}`);
    yield recording;
  }
}

function* finished(recordings: Iterable<Recording>): Generator<Recording> {
  for (const recording of recordings) if (recording.outcome !== "running") yield recording;
}
