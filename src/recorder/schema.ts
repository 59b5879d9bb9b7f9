import type { Database } from "better-sqlite3";
import { VIEWS, type View } from "./views.ts";

/** `application_id` of our files: "llpx". Tells them from other programs' databases. */
export const APPLICATION_ID = 0x6c_6c_70_78;

/**
 * Append only: a migration that was released is never edited, and its place in the list is the
 * file's `user_version`. Views are not migrated but made anew, see views.ts.
 */
export const MIGRATIONS: readonly Migration[] = [m001_exchanges, m002_journal];

export type Migration = (db: Database) => void;

export const SCHEMA_VERSION = MIGRATIONS.length;

export interface MigrationResult {
  readonly from: number;
  readonly to: number;
}

/**
 * Brings an opened file to this version, in one transaction: all of it or nothing. The caller has
 * checked that it is not newer.
 */
export function migrate(db: Database, migrations = MIGRATIONS): MigrationResult {
  const from = db.pragma("user_version", { simple: true }) as number;
  const to = migrations.length;
  if (from < to || !viewsInStep(db)) {
    db.transaction(() => {
      for (const step of migrations.slice(from)) step(db);
      for (const view of VIEWS) {
        db.exec(`DROP VIEW IF EXISTS ${view.name}`);
        db.exec(viewSql(view));
      }
      db.pragma(`application_id = ${APPLICATION_ID}`);
      db.pragma(`user_version = ${to}`);
    }).immediate();
  }
  return { from, to };
}

function viewsInStep(db: Database): boolean {
  const stored = new Set(db.prepare("SELECT sql FROM sqlite_schema WHERE type = 'view'").pluck().all());
  return VIEWS.every((view) => stored.has(viewSql(view)));
}

function viewSql(view: View): string {
  return `CREATE VIEW ${view.name} AS ${view.sql}`;
}

/**
 * What grows is appended at the right edge of its tree (seq, started_at, ended_order, part, head,
 * body), so that the millionth insert costs what the first did; only piece.hash, session and lineage
 * are at random places, with keys of a few bytes.
 */
function m001_exchanges(db: Database): void {
  db.exec(`
    CREATE TABLE run (
      id INTEGER PRIMARY KEY,
      started_at REAL NOT NULL,
      seen_at REAL NOT NULL,
      ended_at REAL,
      pid INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE exchange (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      run INTEGER NOT NULL,
      started_at REAL NOT NULL,
      ended_order INTEGER,
      method TEXT NOT NULL,
      path TEXT NOT NULL,
      route TEXT NOT NULL,
      dialect TEXT,
      client TEXT,
      model TEXT,
      session TEXT,
      session_source TEXT,
      lineage INTEGER,
      outcome TEXT,
      status INTEGER,
      failed INTEGER NOT NULL DEFAULT 0,
      reason TEXT,
      error_type TEXT,
      streaming INTEGER NOT NULL DEFAULT 0,
      finish_reason TEXT,
      fixes TEXT,
      duration_ms REAL,
      ttft_ms REAL,
      prompt_tokens INTEGER,
      completion_tokens INTEGER,
      cached_tokens INTEGER,
      reasoning_tokens INTEGER,
      prompt_ms REAL,
      generation_ms REAL,
      prompt_tps REAL,
      generation_tps REAL,
      context_total INTEGER,
      draft_tokens INTEGER,
      draft_accepted INTEGER,
      tool_calls INTEGER,
      request_bytes INTEGER,
      response_bytes INTEGER,
      trace_id TEXT,
      span_id TEXT,
      truncated INTEGER NOT NULL DEFAULT 0,
      redacted INTEGER NOT NULL DEFAULT 0,
      pinned INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX exchange_started ON exchange (started_at);
    CREATE INDEX exchange_ended ON exchange (ended_order) WHERE ended_order IS NOT NULL;
    CREATE INDEX exchange_running ON exchange (run) WHERE outcome IS NULL;
    CREATE INDEX exchange_model ON exchange (model, started_at);
    CREATE INDEX exchange_failed ON exchange (started_at) WHERE failed = 1;
    CREATE INDEX exchange_fixed ON exchange (started_at) WHERE fixes IS NOT NULL;
    CREATE INDEX exchange_session ON exchange (session, started_at) WHERE session IS NOT NULL;
    CREATE INDEX exchange_lineage ON exchange (lineage) WHERE lineage IS NOT NULL;
    CREATE INDEX exchange_pinned ON exchange (seq) WHERE pinned = 1;

    CREATE TABLE head (exchange INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;

    CREATE TABLE piece (
      id INTEGER PRIMARY KEY,
      hash BLOB NOT NULL UNIQUE,
      used INTEGER NOT NULL,
      size INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX piece_used ON piece (used);
    CREATE TABLE piece_data (piece INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
    CREATE TABLE piece_pin (piece INTEGER NOT NULL, exchange INTEGER NOT NULL, PRIMARY KEY (piece, exchange)) STRICT, WITHOUT ROWID;
    CREATE INDEX piece_pin_exchange ON piece_pin (exchange);

    CREATE TABLE body (
      exchange INTEGER NOT NULL,
      kind TEXT NOT NULL,
      size INTEGER NOT NULL,
      sha256 BLOB NOT NULL,
      entries BLOB NOT NULL,
      PRIMARY KEY (exchange, kind)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE part (
      exchange INTEGER NOT NULL,
      n INTEGER NOT NULL,
      first INTEGER NOT NULL,
      frames INTEGER NOT NULL,
      data BLOB NOT NULL,
      PRIMARY KEY (exchange, n)
    ) STRICT;

    CREATE TABLE note (
      exchange INTEGER NOT NULL,
      n INTEGER NOT NULL,
      fix TEXT NOT NULL,
      action TEXT NOT NULL,
      rule TEXT,
      target TEXT NOT NULL,
      choice INTEGER,
      tool INTEGER,
      tool_name TEXT,
      pointer TEXT,
      before TEXT,
      after TEXT,
      reason TEXT,
      bytes_held_max INTEGER,
      PRIMARY KEY (exchange, n)
    ) STRICT, WITHOUT ROWID;
  `);
}

/** See journal.ts. `n` counts within a run. */
function m002_journal(db: Database): void {
  db.exec(`
    CREATE TABLE journal (
      run INTEGER NOT NULL,
      n INTEGER NOT NULL,
      data BLOB NOT NULL,
      PRIMARY KEY (run, n)
    ) STRICT;
  `);
}
