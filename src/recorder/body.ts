import { ByteWriter, createByteReader, pack, unpack } from "./bytes.ts";
import { findParts, type PartKind } from "./cut.ts";
import { pieceHash } from "./pieces.ts";

/**
 * A body as a list: short bytes spelled out, long ones by reference to a piece that is stored once
 * however many bodies hold it.
 */
export type BodyEntry = { readonly literal: Uint8Array } | BodyPiece;

export interface BodyPiece {
  readonly kind: PartKind;
  /** A single comma stands before the piece: so common between messages that it has a bit of its own. */
  readonly comma: boolean;
  readonly bytes: Uint8Array;
}

export interface StoredPiece {
  readonly kind: PartKind;
  readonly comma: boolean;
  readonly ref: number;
}

export type StoredEntry = { readonly literal: Uint8Array } | StoredPiece;

/** Numbers are stored: append only. */
const KINDS: readonly PartKind[] = ["whole", "envelope", "system", "message", "tools", "prompt"];
/** Shorter stretches between the parts are spelled out in the list. */
const LITERAL_MAX = 48;
const COMMA = 0x2c;

/** The entries laid end to end are the body, byte for byte. Views, not copies. */
export function planBody(body: Uint8Array): readonly BodyEntry[] {
  const parts = findParts(body);
  if (!parts || parts.length === 0) return body.length === 0 ? [] : [{ kind: "whole", comma: false, bytes: body }];
  const entries: BodyEntry[] = [];
  let at = 0;
  for (const part of parts) {
    const comma = part.from === at + 1 && body[at] === COMMA;
    if (!comma) between(entries, body.subarray(at, part.from));
    entries.push({ kind: part.kind, comma, bytes: body.subarray(part.from, part.to) });
    at = part.to;
  }
  between(entries, body.subarray(at));
  return entries;
}

function between(entries: BodyEntry[], bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  entries.push(bytes.length <= LITERAL_MAX ? { literal: bytes } : { kind: "envelope", comma: false, bytes });
}

const comma = Uint8Array.of(COMMA);

/** A body cut into pieces, and what each is known by. */
export interface CutBody {
  readonly bytes: Uint8Array;
  readonly entries: readonly ({ readonly literal: Uint8Array } | (BodyPiece & { readonly hash: Uint8Array }))[];
  /** Hashes of its messages, in order. */
  readonly messages: readonly Uint8Array[];
}

/** A body whose pieces would not join to it again is one piece. */
export function cutBody(bytes: Uint8Array): CutBody {
  const plan = planBody(bytes);
  const cut: readonly BodyEntry[] = joins(plan, bytes) ? plan : [{ kind: "whole", comma: false, bytes }];
  const messages: Uint8Array[] = [];
  const entries = cut.map((entry) => {
    if ("literal" in entry) return entry;
    const hash = pieceHash(entry.bytes);
    if (entry.kind === "message") messages.push(hash);
    return { kind: entry.kind, comma: entry.comma, bytes: entry.bytes, hash };
  });
  return { bytes, entries, messages };
}

/** Whether the entries are views that lie behind one another, a comma between them where they say so, and are all of `body`. */
function joins(entries: readonly BodyEntry[], body: Uint8Array): boolean {
  let at = body.byteOffset;
  for (const entry of entries) {
    const bytes = "literal" in entry ? entry.literal : entry.bytes;
    if (!("literal" in entry) && entry.comma) {
      if (body[at - body.byteOffset] !== COMMA) return false;
      at += 1;
    }
    if (bytes.buffer !== body.buffer || bytes.byteOffset !== at) return false;
    at += bytes.length;
  }
  return at === body.byteOffset + body.length;
}

/** The bytes of the body in order, commas included. */
export function* bytesOf(entries: readonly BodyEntry[]): Generator<Uint8Array> {
  for (const entry of entries) {
    if ("literal" in entry) {
      yield entry.literal;
    } else {
      if (entry.comma) yield comma;
      yield entry.bytes;
    }
  }
}

/**
 * References are written as differences, and equal steps as one with a count: a history that was
 * stored message by message costs a few bytes, however long it is.
 */
export function encodeEntries(entries: readonly StoredEntry[]): Uint8Array {
  const out = new ByteWriter();
  let last = 0;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i] as StoredEntry;
    if ("literal" in entry) {
      out.uint(0);
      out.uint(entry.literal.length);
      out.bytes(entry.literal);
      continue;
    }
    const step = entry.ref - last;
    last = entry.ref;
    let more = 0;
    for (;;) {
      const next = entries[i + 1];
      if (!next || "literal" in next || next.kind !== entry.kind || next.comma !== entry.comma || next.ref - last !== step) break;
      last = next.ref;
      more += 1;
      i += 1;
    }
    out.uint(1 + KINDS.indexOf(entry.kind) * 2 + (entry.comma ? 1 : 0));
    out.int(step);
    out.uint(more);
  }
  return pack(out.view());
}

/** Throws RangeError on bytes that `encodeEntries` did not write. */
export function decodeEntries(blob: Uint8Array): readonly StoredEntry[] {
  const bytes = createByteReader(unpack(blob));
  const entries: StoredEntry[] = [];
  let last = 0;
  while (!bytes.atEnd) {
    const code = bytes.uint();
    if (code === 0) {
      entries.push({ literal: bytes.bytes(bytes.uint()) });
      continue;
    }
    const kind = KINDS[Math.floor((code - 1) / 2)];
    if (!kind) throw new RangeError(`unknown kind of piece ${code}`);
    const step = bytes.int();
    for (let left = bytes.uint() + 1; left > 0; left--) {
      last += step;
      entries.push({ kind, comma: (code - 1) % 2 === 1, ref: last });
    }
  }
  return entries;
}

/** `load` gives the bytes of a piece. */
export function joinBody(entries: readonly StoredEntry[], load: (ref: number) => Uint8Array): Uint8Array {
  return Buffer.concat([
    ...bytesOf(entries.map((entry) => ("literal" in entry ? entry : { kind: entry.kind, comma: entry.comma, bytes: load(entry.ref) }))),
  ]);
}
