/**
 * Cuts a request body into the parts that agents send again and again: each message, the system
 * prompt, the tools block. Works on the bytes and re-serialises nothing, so the parts laid end to
 * end are the body. Looks at the top level of the object only, and checks no more JSON than it
 * needs to find its way; a body it cannot walk is not cut.
 */
export type PartKind = "whole" | "envelope" | "system" | "message" | "tools" | "prompt";

export interface Part {
  readonly kind: PartKind;
  readonly from: number;
  readonly to: number;
}

/** Members that hold the turns of a conversation, one array element each. */
const TURNS: ReadonlySet<string> = new Set(["messages", "input"]);
const SINGLES: ReadonlyMap<string, PartKind> = new Map([
  ["system", "system"],
  ["instructions", "system"],
  ["tools", "tools"],
  ["functions", "tools"],
  ["prompt", "prompt"],
  ["input_prefix", "prompt"],
  ["input_suffix", "prompt"],
]);

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** The parts worth sharing, in order, without overlap; undefined when the body is no JSON object. */
export function findParts(body: Uint8Array): readonly Part[] | undefined {
  const parts: Part[] = [];
  let at = skipSpace(body, 0);
  if (body[at] !== OPEN_OBJECT) return undefined;
  at = skipSpace(body, at + 1);
  if (body[at] === CLOSE_OBJECT) return atEnd(body, at + 1) ? parts : undefined;
  for (;;) {
    if (body[at] !== QUOTE) return undefined;
    const keyEnd = skipString(body, at);
    if (keyEnd < 0) return undefined;
    // A key spelled with escapes is simply not recognised: its value stays in the envelope.
    const key = Buffer.from(body.buffer, body.byteOffset + at + 1, keyEnd - at - 2).toString("latin1");
    at = skipSpace(body, keyEnd);
    if (body[at] !== COLON) return undefined;
    at = skipSpace(body, at + 1);
    const end = TURNS.has(key) && body[at] === OPEN_ARRAY ? skipTurns(body, at, parts) : skipValue(body, at);
    if (end < 0) return undefined;
    const kind = SINGLES.get(key) ?? (key === "input" && body[at] === QUOTE ? "message" : undefined);
    if (kind) parts.push({ kind, from: at, to: end });
    at = skipSpace(body, end);
    if (body[at] === CLOSE_OBJECT) return atEnd(body, at + 1) ? parts : undefined;
    if (body[at] !== COMMA) return undefined;
    at = skipSpace(body, at + 1);
  }
}

function skipTurns(body: Uint8Array, from: number, parts: Part[]): number {
  let at = skipSpace(body, from + 1);
  if (body[at] === CLOSE_ARRAY) return at + 1;
  for (;;) {
    const end = skipValue(body, at);
    if (end < 0) return -1;
    parts.push({ kind: "message", from: at, to: end });
    at = skipSpace(body, end);
    if (body[at] === CLOSE_ARRAY) return at + 1;
    if (body[at] !== COMMA) return -1;
    at = skipSpace(body, at + 1);
  }
}

/** Index behind the value that begins at `from`, or -1. */
export function skipValue(body: Uint8Array, from: number): number {
  const first = body[from];
  if (first === QUOTE) return skipString(body, from);
  if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
    let depth = 0;
    let at = from;
    while (at < body.length) {
      const byte = body[at];
      if (byte === QUOTE) {
        at = skipString(body, at);
        if (at < 0) return -1;
        continue;
      }
      if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth += 1;
      else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        depth -= 1;
        if (depth === 0) return at + 1;
      }
      at += 1;
    }
    return -1;
  }
  let at = from;
  while (at < body.length && !endsLiteral(body[at] ?? 0)) at += 1;
  return at === from ? -1 : at;
}

/** Index behind the closing quote of the string that begins at `from`, or -1. */
export function skipString(body: Uint8Array, from: number): number {
  let at = from + 1;
  for (;;) {
    const quote = body.indexOf(QUOTE, at);
    if (quote < 0) return -1;
    let slashes = 0;
    while (body[quote - 1 - slashes] === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}

export function skipSpace(body: Uint8Array, from: number): number {
  let at = from;
  while (isSpace(body[at])) at += 1;
  return at;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function endsLiteral(byte: number): boolean {
  return byte === COMMA || byte === CLOSE_ARRAY || byte === CLOSE_OBJECT || byte === QUOTE || byte === COLON || isSpace(byte);
}

function atEnd(body: Uint8Array, from: number): boolean {
  return skipSpace(body, from) === body.length;
}
