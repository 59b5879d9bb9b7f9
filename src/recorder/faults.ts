/**
 * What can be wrong with the file, by name. Each is a state of the recorder; traffic goes on in all
 * of them.
 */
export type Fault =
  | "disk-full"
  | "read-only"
  /** Another program holds the write lock. */
  | "locked"
  | "corrupt"
  /** Written by a newer llama-proxy. */
  | "newer-schema"
  /** A database of another program. */
  | "not-ours"
  | "io";

/** The worker's own states around the faults. */
export type RecorderState = "starting" | "ok" | `degraded:${Fault}` | "failed" | "closed";

const CURES: Readonly<Record<Fault, string>> = {
  "disk-full": "free some space or lower recorder.max_size",
  "read-only": "make the folder and the file writable, or choose another with --db",
  locked: "end the program that holds the database open for writing",
  corrupt: "nothing to do: the damaged file was set aside and a new one begun",
  "newer-schema": "run the newer llama-proxy that wrote it, or choose another file with --db",
  "not-ours": "choose another file with --db",
  io: "look at the disk and its mount",
};

export function cureOf(fault: Fault): string {
  return CURES[fault];
}

/** A fault found by looking, where SQLite would not have complained. */
export class FaultError extends Error {
  readonly fault: Fault;
  constructor(fault: Fault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "FaultError";
    this.fault = fault;
  }
}

/** The fault behind an error of better-sqlite3 or node:fs; undefined for a fault of our own code. */
export function faultOf(cause: unknown): Fault | undefined {
  if (cause instanceof FaultError) return cause.fault;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (code === "SQLITE_FULL" || code === "ENOSPC" || code === "EDQUOT") return "disk-full";
  // Write errors of a volume that is full come as IOERR_WRITE on some file systems; the cure is the same.
  if (code === "SQLITE_IOERR_WRITE") return "disk-full";
  if (code.startsWith("SQLITE_READONLY") || code.startsWith("SQLITE_CANTOPEN") || code === "SQLITE_PERM") return "read-only";
  if (["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST", "EISDIR", "ENOENT"].includes(code)) return "read-only";
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) return "locked";
  if (code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB") return "corrupt";
  if (code.startsWith("SQLITE_IOERR")) return "io";
  return undefined;
}
