export type ReaderErrorCode =
  | "missing"
  | "not-a-database"
  /** A database of another program. */
  | "not-ours"
  | "newer-schema"
  | "older-schema"
  | "unreadable"
  | "busy"
  /** Bytes that do not match their hash, or a broken file. */
  | "damaged"
  /** SQL that would do more than read. */
  | "refused"
  /** SQL that SQLite does not take. */
  | "sql"
  | "closed";

/** `message` names what is wrong and the cure, fit to print. */
export class ReaderError extends Error {
  readonly code: ReaderErrorCode;
  constructor(code: ReaderErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ReaderError";
    this.code = code;
  }
}

/** What SQLite or a decoder threw, in our words. `sql`: a person's statement was being run, not one of ours. */
export function asReaderError(cause: unknown, path: string, sql?: string): ReaderError {
  if (cause instanceof ReaderError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const options = { cause };
  if (code === "SQLITE_NOTADB") {
    return new ReaderError("not-a-database", `${path} is not a database: give the recording file with --db`, options);
  }
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) {
    return new ReaderError("busy", `${path} is locked by another program: try again, or end that program`, options);
  }
  if (sql !== undefined && (code === "SQLITE_ERROR" || code === "SQLITE_MISMATCH" || code === "SQLITE_TOOBIG"))
    return new ReaderError("sql", text, options);
  if (
    code.startsWith("SQLITE_CORRUPT") ||
    // Our own statements fit our schema: this one is not what was written.
    code === "SQLITE_ERROR" ||
    code === "SQLITE_MISMATCH" ||
    cause instanceof RangeError ||
    cause instanceof SyntaxError ||
    code.startsWith("ERR_ZSTD") ||
    code.startsWith("ZSTD")
  ) {
    return new ReaderError("damaged", `${path} is damaged (${text}): the sidecar sets it aside at its next start`, options);
  }
  if (code === "SQLITE_READONLY") return new ReaderError("refused", "the statement would write: recordings are read-only here", options);
  return new ReaderError("unreadable", `${path} cannot be read (${text}): check its permissions and its disk`, options);
}
