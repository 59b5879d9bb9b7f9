import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Container, Hook, Place, Verdict } from "./rule.ts";
import { endOfString, membersAhead, skipSpace } from "./scan.ts";
import { allows, declares } from "./schema.ts";

/**
 * Keys that were damaged on the way: replaced by `{}":` (llama-server's diff of a partial object),
 * half quoted, unquoted, without colon, or left out. A key that is gone is put back only where the
 * schema leaves exactly one that it can have been.
 */
export const toolcallMalformedArguments = defineArgumentFix({
  name: "toolcall_malformed_arguments",
  summary: "Garbled, half-quoted, unquoted and missing keys are restored; a lost one only where just one is possible",
  defaultMode: "fix",
  holds: "one member",
  example: { before: '{"content":"data",{}":"/tmp/f"}', after: '{"content":"data","file_path":"/tmp/f"}' },
  source: "the original llama-proxy's fix of this name; vLLM kimi-k2.6, LM Studio qwen3.6",
  options: z.strictObject({}),
  rule: () => ({ member, key: garbledKey }),
});

/** Longer than this is no key. */
const MAX_KEY = 128;

const member: Hook = (place) => {
  const { text, container, ended } = place;
  if (container?.kind !== "object") return undefined;
  const comma = skipSpace(text);
  const at = text[comma] === "," ? skipSpace(text, comma + 1) : comma;
  if (at === text.length) return undefined;
  const head = text.slice(at, at + MAX_KEY);

  const garbled = /^(?:\{\s*\}?\s*"?|"{0,2})\s*:/.exec(head);
  if (garbled) return restore(place, at, garbled[0].length, "garbled_key");
  if (/^\{\s*\}?\s*"?\s*$/.test(head) && !ended) return "wait";

  // `""key":`, `key":`, `key:`, `key=`
  const bare = /^"*([A-Za-z_$][\w$.-]*)("*)\s*(:|=>?)/.exec(head);
  if (bare?.[1] !== undefined) {
    // A `=` may yet be `=>`.
    if (bare[3] === "=" && bare[0].length === head.length && !ended) return "wait";
    return { take: at + bare[0].length, put: `${text.slice(0, at)}"${bare[1]}":`, rule: "unquoted_key", after: `"${bare[1]}":` };
  }
  if (/^"*(?:[A-Za-z_$][\w$.-]*"*\s*)?$/.test(head) && head.length < MAX_KEY && !ended) return "wait";
  return head[0] === '"' ? afterString(place, at) : undefined;
};

/** `"":` and `"{}":` are well formed and no key all the same, where a required one does not come. */
const garbledKey: Hook = (place) => {
  const { text, container, key, ended } = place;
  if (!container || declares(container.shape, key) || /[\p{L}\p{N}_]/u.test(key)) return undefined;
  const comma = skipSpace(text);
  const at = text[comma] === "," ? skipSpace(text, comma + 1) : comma;
  const colon = skipSpace(text, endOfString(text, at));
  const ahead = membersAhead(text, colon + 1);
  const missing = container.shape.required.filter((each) => !container.seen.has(each) && !ahead.keys.includes(each));
  if (missing.length === 0) return undefined;
  if (ahead.end === -1) return ended ? undefined : "wait";
  return missing.length === 1 ? restore(place, at, colon + 1 - at, "garbled_key") : undefined;
};

/** A string stands where a key belongs, and no colon follows. */
function afterString(place: Place, at: number): Verdict {
  const { text, container, ended } = place;
  if (container?.kind !== "object") return undefined;
  // `"key: "value"`: the key's closing quote is missing.
  const open = /^"([\w$.-]+)\s*:/.exec(text.slice(at, at + MAX_KEY));
  if (open?.[1] !== undefined && declares(container.shape, open[1]) && !container.seen.has(open[1])) {
    return { take: at + open[0].length, put: `${text.slice(0, at)}"${open[1]}":`, rule: "unquoted_key" };
  }
  const end = endOfString(text, at);
  if (end === -1) return ended ? undefined : "wait";
  const next = skipSpace(text, end);
  const c = text[next];
  if (c === undefined) return ended ? undefined : "wait";
  if (c === "}" || c === ",") return restore(place, at, 0, "missing_key");
  const key = text.slice(at + 1, end - 1);
  if (!declares(container.shape, key) || container.seen.has(key)) return undefined;
  if (c === "=") {
    const arrow = text[next + 1];
    if (arrow === undefined) return "wait";
    return { take: next + (arrow === ">" ? 2 : 1), put: `${text.slice(0, end)}:`, rule: "missing_colon" };
  }
  if ('"[{-0123456789'.includes(c)) return { take: end, put: `${text.slice(0, end)}:`, rule: "missing_colon" };
  // Colon and opening quote are gone: `"key"/a/b"`.
  return allows(container.shape.property(key), "string") ? { take: end, put: `${text.slice(0, end)}:"`, rule: "missing_colon" } : undefined;
}

/** Puts the one possible key at `at`, in place of `length` characters. Waits for the object's end: only then is it the one. */
function restore({ text, container, ended }: Place, at: number, length: number, rule: string): Verdict {
  if (!container) return undefined;
  const ahead = membersAhead(text, at + length);
  if (ahead.end === -1) return ended ? undefined : "wait";
  const free = (key: string): boolean =>
    !container.seen.has(key) && !ahead.keys.includes(key) && takes(container, key, text[skipSpace(text, at + length)]);
  const required = container.shape.required.filter(free);
  const candidates = required.length > 0 ? required : container.shape.keys.filter(free);
  const [key] = candidates;
  if (key === undefined || candidates.length > 1) return { refuse: `${candidates.length} keys could be meant`, rule };
  return { take: at + length, put: `${text.slice(0, at)}${JSON.stringify(key)}:`, rule, after: `${JSON.stringify(key)}:` };
}

/** Whether a value that begins with `c` may belong to `key`. */
function takes(container: Container, key: string, c: string | undefined): boolean {
  const shape = container.shape.property(key);
  if (c === "{") return allows(shape, "object") || allows(shape, "string");
  if (c === "[") return allows(shape, "array") || allows(shape, "string");
  return allows(shape, "string") || c !== '"' || shape.kinds === undefined;
}
