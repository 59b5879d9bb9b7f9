/**
 * Raw header pairs: name, value, name, value …, in the order and case they came, one byte per
 * character (latin1), as node:http's `rawHeaders` has them. Never merged, never sorted.
 */
export type RawHeaders = readonly string[];

/** The first value of a header, by name without case. */
export function headerOf(headers: RawHeaders, name: string): string | undefined {
  const wanted = name.toLowerCase();
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (isNamed(headers[i], wanted)) return headers[i + 1];
  }
  return undefined;
}

/** `wanted` in lower case. Lengths first: most names are told apart by them, and this is asked for many names per request. */
function isNamed(name: string | undefined, wanted: string): boolean {
  return name?.length === wanted.length && name.toLowerCase() === wanted;
}

/** Every value of a header, in order. */
export function headerValues(headers: RawHeaders, name: string): string[] {
  const wanted = name.toLowerCase();
  const values: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (isNamed(headers[i], wanted)) values.push(headers[i + 1] ?? "");
  }
  return values;
}

/** The headers without those named (lower case). */
export function withoutHeaders(headers: RawHeaders, names: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? "";
    if (!names.has(name.toLowerCase())) kept.push(name, headers[i + 1] ?? "");
  }
  return kept;
}

/** Fields that speak of one connection only (RFC 9110 section 7.6.1), `trailer` excepted: trailers are relayed. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
]);

/** Drops the hop-by-hop fields and those that `Connection` names. */
export function withoutHopByHop(headers: RawHeaders): string[] {
  let names: Set<string> | undefined;
  for (const value of headerValues(headers, "connection")) {
    for (const token of value.split(",")) {
      const name = token.trim().toLowerCase();
      if (name === "" || name === "close" || HOP_BY_HOP.has(name)) continue;
      names ??= new Set(HOP_BY_HOP);
      names.add(name);
    }
  }
  return withoutHeaders(headers, names ?? HOP_BY_HOP);
}

/** The media type of a content-type value, lower case, without parameters. */
export function mediaType(contentType: string | undefined): string {
  return (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** `application/json` and every `+json`. */
export function isJsonType(contentType: string | undefined): boolean {
  const type = mediaType(contentType);
  return type === "application/json" || type.endsWith("+json");
}

/** Header fields whose values never leave the request thread. */
export const SECRET_HEADERS: ReadonlySet<string> = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "x-api-key",
  "api-key",
]);

export const REDACTED = "[redacted]";

/** The headers with the values of the named fields (lower case) replaced whole: no first characters are kept. */
export function redactHeaders(headers: RawHeaders, secret: ReadonlySet<string> = SECRET_HEADERS): string[] {
  const out: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? "";
    out.push(name, secret.has(name.toLowerCase()) ? REDACTED : (headers[i + 1] ?? ""));
  }
  return out;
}
