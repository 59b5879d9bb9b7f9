/** The kinds of values a configuration key takes. Every error says what was expected, in words. */
import { z } from "zod";
import { parseDuration, parseSize } from "../core/units.ts";

export function flag() {
  return z.boolean({ error: "expected true or false" });
}

export function whole(min: number, max: number) {
  const error =
    max === Number.MAX_SAFE_INTEGER ? `expected a whole number, ${min} or more` : `expected a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** A number of seconds, fractions allowed. 0 means what the key says it means. */
export function seconds() {
  const error = "expected a number of seconds, 0 or more";
  return z.number({ error }).min(0, { error });
}

export function text(what: string) {
  const error = `expected ${what}`;
  return z.string({ error }).min(1, { error });
}

export function oneOf<const T extends readonly [string, ...string[]]>(words: T) {
  return z.enum(words, { error: `expected one of ${words.join(", ")}` });
}

/** As `oneOf`, for words that YAML reads as numbers when they stand without quotes. */
export function oneOfNumbers<const T extends readonly [string, ...string[]]>(words: T) {
  return z.preprocess((value) => (typeof value === "number" ? String(value) : value), oneOf(words));
}

/** `5GB`, `64MiB`, or a number of bytes; the value is in bytes. */
export function size() {
  return z.unknown().transform((value, context) => {
    const bytes = parseSize(value);
    if (bytes === undefined) context.addIssue({ code: "custom", message: "expected a size such as 64MiB, 5GB or a number of bytes" });
    return bytes ?? 0;
  });
}

/** `90s`, `14d`, or a number of seconds; the value is in milliseconds. */
export function duration() {
  return z.unknown().transform((value, context) => {
    const ms = parseDuration(value);
    if (ms === undefined) context.addIssue({ code: "custom", message: "expected a duration such as 90s, 12h, 14d or a number of seconds" });
    return ms ?? 0;
  });
}

/** `http://host:port` without a path: the request's own path is what the server behind it gets. */
export function serverUrl() {
  return text("a URL such as http://127.0.0.1:8080").superRefine((value, context) => {
    const message = serverUrlFault(value);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });
}

/** An OTLP/HTTP endpoint; a path is allowed. */
export function otlpUrl() {
  const message = "expected a URL such as http://127.0.0.1:4318";
  return text("a URL such as http://127.0.0.1:4318").refine((value) => httpUrl(value) !== undefined, { error: message });
}

function serverUrlFault(value: string): string | undefined {
  const url = httpUrl(value);
  if (!url) return "expected a URL such as http://127.0.0.1:8080";
  if (url.username !== "" || url.password !== "")
    return "expected a URL without user and password; clients' own keys pass through, and backend.api_key_env names ours";
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "")
    return `expected a URL without a path: requests keep their own; write ${url.protocol}//${url.host}`;
  return undefined;
}

function httpUrl(value: string): URL | undefined {
  const url = URL.parse(value);
  return url && (url.protocol === "http:" || url.protocol === "https:") && url.hostname !== "" ? url : undefined;
}

/** RFC 6901: empty steps aside, it begins with a slash. */
export function jsonPointer() {
  return z
    .string({ error: "expected a JSON pointer" })
    .startsWith("/", "expected a JSON pointer, which begins with a slash: /messages/0/content");
}

/** A JavaScript regular expression, without slashes around it. */
export function pattern() {
  return z.string({ error: "expected a regular expression" }).refine(isPattern, "expected a regular expression, without slashes around it");
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}
