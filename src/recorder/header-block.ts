import type { RawHeaders } from "../wire/headers.ts";

/**
 * Header pairs in two parts: what is the same from request to request (names, order, case and most
 * values), which is stored once for all of them, and the values that change every time.
 */
export interface HeaderBlock {
  /** JSON array of the pairs, null where a changing value belongs. */
  readonly shared: string;
  readonly values: readonly string[];
}

/** Only names that are expected to change: any other split would be as right, but less shared. */
const CHANGING: ReadonlySet<string> = new Set([
  "content-length",
  "date",
  "age",
  "etag",
  "traceparent",
  "tracestate",
  "baggage",
  "request-id",
  "x-request-id",
  "x-client-request-id",
  "x-codex-turn-metadata",
  "x-stainless-retry-count",
  "x-stainless-read-timeout",
]);

const MOST_NAMES = 1000;
/** Whether a name, spelled as it came, is one of CHANGING: the same few come with every request. */
const known = new Map<string, boolean>();

function changes(name: string): boolean {
  let found = known.get(name);
  if (found === undefined) {
    found = CHANGING.has(name.toLowerCase());
    if (known.size < MOST_NAMES) known.set(name, found);
  }
  return found;
}

export function splitHeaders(headers: RawHeaders): HeaderBlock {
  const values: string[] = [];
  const shared = headers.map((field, i) => {
    if (i % 2 === 0 || !changes(headers[i - 1] ?? "")) return field;
    values.push(field);
    return null;
  });
  return { shared: JSON.stringify(shared), values };
}

export function joinHeaders({ shared, values }: HeaderBlock): RawHeaders {
  let next = 0;
  return (JSON.parse(shared) as (string | null)[]).map((field) => field ?? values[next++] ?? "");
}
