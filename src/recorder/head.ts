import type { RawHeaders } from "../wire/headers.ts";
import { pack, unpack } from "./bytes.ts";
import { isObject } from "../wire/json.ts";
import { joinHeaders, splitHeaders } from "./header-block.ts";
import type { Redactor } from "./redact.ts";

/** What is kept of an exchange beside its columns and its bytes; all of it may still be missing. */
export interface Head {
  readonly httpVersion: string;
  readonly peer?: unknown;
  readonly headers: RawHeaders;
  /** Absent until the first piece of a reply came. */
  readonly framed?: boolean;
  readonly response?: { readonly atMs: number; readonly status: number; readonly headers: RawHeaders };
  /** What of the end is no column. */
  readonly details?: Readonly<Record<string, unknown>>;
}

interface StoredHeaders {
  /** Number of the piece that holds the shared part. */
  readonly piece: number;
  readonly values: readonly string[];
}

interface StoredHead extends Omit<Head, "headers" | "response"> {
  readonly headers: StoredHeaders;
  readonly response?: { readonly atMs: number; readonly status: number; readonly headers: StoredHeaders };
}

/** `put` stores a piece and gives its number. */
export function encodeHead(head: Head, put: (text: string) => number): Uint8Array {
  function stored(headers: RawHeaders): StoredHeaders {
    const { shared, values } = splitHeaders(headers);
    return { piece: put(shared), values };
  }
  const { headers, response, ...rest } = head;
  const out: StoredHead = {
    ...rest,
    headers: stored(headers),
    ...(response ? { response: { ...response, headers: stored(response.headers) } } : {}),
  };
  return pack(Buffer.from(JSON.stringify(out)));
}

/** `load` gives the bytes of a piece. Throws on bytes that `encodeHead` did not write. */
export function decodeHead(blob: Uint8Array, load: (piece: number) => Uint8Array): Head {
  function joined({ piece, values }: StoredHeaders): RawHeaders {
    return joinHeaders({ shared: Buffer.from(load(piece)).toString("utf8"), values });
  }
  const { headers, response, ...rest } = parse(blob);
  return { ...rest, headers: joined(headers), ...(response ? { response: { ...response, headers: joined(response.headers) } } : {}) };
}

/** Patterns cut out of header values and of the backend's error message. */
export function redactHead(head: Head, redactor: Redactor): Head {
  const clean = (headers: RawHeaders) => headers.map((field, i) => (i % 2 === 0 ? field : redactor.text(field)));
  const { headers, response, details } = head;
  const error = details?.["error"];
  return {
    ...head,
    headers: clean(headers),
    ...(response ? { response: { ...response, headers: clean(response.headers) } } : {}),
    ...(isObject(error) && typeof error["message"] === "string"
      ? { details: { ...details, error: { ...error, message: redactor.text(error["message"]) } } }
      : {}),
  };
}

/** The pieces that a stored head needs. */
export function piecesOfHead(blob: Uint8Array): readonly number[] {
  const { headers, response } = parse(blob);
  return response ? [headers.piece, response.headers.piece] : [headers.piece];
}

function parse(blob: Uint8Array): StoredHead {
  return JSON.parse(Buffer.from(unpack(blob)).toString("utf8")) as StoredHead;
}
