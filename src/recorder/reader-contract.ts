import type { RecordedExchange, Recording } from "../core/recording.ts";

/** Which exchanges; every member narrows. Times are Unix milliseconds, `until` excluded. */
export interface ListFilter {
  /** Most rows to return; 10 where absent. */
  readonly limit?: number;
  readonly since?: number;
  readonly until?: number;
  readonly model?: string;
  /** Only those that failed: an error status, an error type, or an ending other than completed and client-gone. */
  readonly errors?: boolean;
  /** Only those in which a fix changed something. */
  readonly fixed?: boolean;
  /** Only those that took at least this long. */
  readonly slowMs?: number;
  readonly session?: string;
}

/** What an id on the command line stands for. */
export type Resolved =
  | { readonly kind: "found"; readonly id: string }
  /** Several ids begin so; `candidates` are the newest of them, at most 10. */
  | { readonly kind: "ambiguous"; readonly spec: string; readonly candidates: readonly string[] }
  /** `candidates` are the newest ids there are, at most 3, to show what an id looks like. */
  | { readonly kind: "not-found"; readonly spec: string; readonly candidates: readonly string[] };

export type StatsKey = "model" | "route" | "client" | "session" | "hour";

export interface StatsFilter {
  readonly since?: number;
  readonly until?: number;
  readonly by?: StatsKey;
}

/** Absent members: no exchange of the group reported the fact. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface StatsNumbers {
  readonly requests: number;
  readonly errors: number;
  readonly fixed: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens: number;
  readonly ttftMs?: Percentiles;
  readonly durationMs?: Percentiles;
  /** Tokens per second over all requests together: sum of tokens by sum of time. */
  readonly promptTps?: number;
  readonly generationTps?: number;
  /** Share of prompt tokens that came from the cache, 0 to 1, over the requests that reported it. */
  readonly cacheReuse?: number;
  readonly contextPercentAvg?: number;
  readonly contextPercentMax?: number;
}

export interface StatsRow extends StatsNumbers {
  /** The group: model, route …; an hour as UTC ISO time; null where the exchanges name none. */
  readonly key: string | null;
}

/** What one fix did to the replies and requests of one model. Numbers are exchanges. */
export interface FixLedgerRow {
  readonly fix: string;
  readonly model: string | null;
  /** It had something to say: fixed, refused or skipped. */
  readonly seen: number;
  readonly fixed: number;
  readonly refused: number;
  /** Unix milliseconds of the last exchange in which it did; idle since then. */
  readonly lastAt: number;
}

export interface StatsResult {
  readonly totals: StatsNumbers;
  /** Most requests first; hours in order of time. */
  readonly rows: readonly StatsRow[];
}

export interface SessionRow {
  readonly session: string;
  /** Where the id came from: a request header, the request body, or messages that extend an earlier request's. */
  readonly source: "header" | "body" | "lineage";
  readonly client?: string;
  readonly model?: string;
  readonly turns: number;
  readonly errors: number;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens: number;
  readonly cacheReuse?: number;
  /** Prompt tokens processed again although the turn before had left them in the context. */
  readonly reprocessedTokens: number;
  /** What that took, at each turn's own prompt speed. */
  readonly reprocessedMs: number;
}

export interface QueryResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  /** True when `limit` cut the rows. */
  readonly truncated: boolean;
}

/** One look at what ended; give `cursor` to the next call. */
export interface Ended {
  readonly exchanges: readonly RecordedExchange[];
  readonly cursor: number;
}

/**
 * Read-only access to a recording file: while the sidecar writes, on a copy, or without any sidecar.
 * All calls are synchronous. They throw ReaderError and nothing else.
 */
export interface Reader extends Disposable {
  readonly path: string;
  readonly schemaVersion: number;
  /** Newest first. Running exchanges are in it, with outcome `running`. */
  list(filter?: ListFilter): RecordedExchange[];
  /** Full id, unique prefix, `last`, `last~2`, `last:fixed`, `last:error`. */
  resolve(spec: string): Resolved;
  /** By full id. Bytes exactly as recorded, checked against their hashes. */
  get(id: string): Recording | undefined;
  stats(filter?: StatsFilter): StatsResult;
  /** By fix and model, most seen first. */
  fixLedger(filter?: Pick<StatsFilter, "since" | "until">): FixLedgerRow[];
  sessions(filter?: { readonly since?: number; readonly until?: number; readonly limit?: number }): SessionRow[];
  /** One SELECT over the documented views. Cannot write anywhere. */
  query(sql: string, options?: { readonly limit?: number }): QueryResult;
  /** Whole recordings, oldest first, one in memory at a time. */
  iterate(filter?: Omit<ListFilter, "limit">): IterableIterator<Recording>;
  /** What ended since `cursor`, in order of ending. Start from `cursor()`. */
  since(cursor: number): Ended;
  cursor(): number;
  close(): void;
}
