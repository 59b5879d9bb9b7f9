import { REDACTED, SECRET_HEADERS, redactHeaders, type RawHeaders } from "../wire/headers.ts";
import { findPointer } from "./pointer.ts";

/**
 * Cuts content out of what is recorded. A pointer (RFC 6901, with `*` for any member) replaces a
 * value in request bodies and in replies that came whole; a pattern (JavaScript regular expression)
 * replaces what it matches in every body, frame, note and message. A secret that a stream spreads
 * over several frames is not seen by a pattern.
 */
export type BodyRule = { readonly pointer: string } | { readonly pattern: string; readonly flags?: string };

export interface Redactor {
  /** True when there is any body rule: only then is work spent on bodies. */
  readonly active: boolean;
  /** `bytes` itself when no rule applies. */
  readonly body: (bytes: Uint8Array) => Uint8Array;
  /** Patterns only. `bytes` itself when none matches. */
  readonly frame: (bytes: Uint8Array) => Uint8Array;
  readonly text: (text: string) => string;
}

/** Throws SyntaxError when a pattern is no regular expression or a pointer does not begin with a slash. */
export function createRedactor(rules: readonly BodyRule[]): Redactor {
  const patterns: RegExp[] = [];
  const pointers: string[] = [];
  for (const rule of rules) {
    if ("pattern" in rule) patterns.push(new RegExp(rule.pattern, withFlag(rule.flags ?? "", "g")));
    else if (rule.pointer.startsWith("/")) pointers.push(rule.pointer);
    else throw new SyntaxError(`a JSON pointer begins with a slash: ${rule.pointer}`);
  }

  function text(value: string): string {
    let out = value;
    // A function, so that `$` in the replacement means nothing.
    for (const pattern of patterns) out = out.replace(pattern, () => REDACTED);
    return out;
  }

  function frame(bytes: Uint8Array): Uint8Array {
    if (patterns.length === 0) return bytes;
    const encoding = isUtf8(bytes) ? "utf8" : "latin1";
    const before = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(encoding);
    const after = text(before);
    return after === before ? bytes : Buffer.from(after, encoding);
  }

  return {
    active: rules.length > 0,
    text,
    frame,
    body: (bytes) => frame(pointers.reduce(redactPointer, bytes)),
  };
}

const REPLACEMENT = new TextEncoder().encode(JSON.stringify(REDACTED));

function redactPointer(body: Uint8Array, pointer: string): Uint8Array {
  const spans = findPointer(body, pointer);
  if (spans.length === 0) return body;
  const kept: Uint8Array[] = [];
  let at = 0;
  for (const { from, to } of spans) {
    kept.push(body.subarray(at, from), REPLACEMENT);
    at = to;
  }
  return Buffer.concat([...kept, body.subarray(at)]);
}

function withFlag(flags: string, flag: string): string {
  return flags.includes(flag) ? flags : flags + flag;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function isUtf8(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Query parameters in which some programs put keys. */
const SECRET_PARAMETERS = /([?&](?:key|api[-_]?key|access[-_]?token|token|secret|password|auth)=)[^&#]*/gi;

/** The request target with the values of secret parameters replaced. */
export function redactPath(path: string): string {
  return path.includes("?") ? path.replace(SECRET_PARAMETERS, (_all, name: string) => name + REDACTED) : path;
}

/** A function that redacts headers: those that are always secret, and the ones named (any case). */
export function headerRedactor(names: readonly string[]): (headers: RawHeaders) => string[] {
  const secret = new Set([...SECRET_HEADERS, ...names.map((name) => name.toLowerCase())]);
  return (headers) => redactHeaders(headers, secret);
}
