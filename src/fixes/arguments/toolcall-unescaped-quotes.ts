import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Container, Hook, Place, Verdict } from "./rule.ts";
import { decodeKey, endOfString, membersAhead, skipLoose } from "./scan.ts";
import { declares } from "./schema.ts";

/**
 * A quote closes its string only where the text goes on like JSON behind it: a closer of an open
 * container, a comma with the next member, nothing at all. A string without inner quotes always
 * passes this test, so well-formed arguments are never touched.
 */
export const toolcallUnescapedQuotes = defineArgumentFix({
  name: "toolcall_unescaped_quotes",
  summary: "Quotes inside a string that lack their backslash get it",
  defaultMode: "fix",
  holds: "a separator and a key",
  example: { before: '{"text":"He said "hi" there","count":2}', after: '{"text":"He said \\"hi\\" there","count":2}' },
  source: "vLLM qwen36 (poisoned history), hermes protocol tests",
  options: z.strictObject({}),
  rule: () => ({ quote }),
});

const INNER: Verdict = { take: 1, put: '\\"' };
/** Closes the string. */
const CLOSES = undefined;

const quote: Hook = (place) => {
  const { text } = place;
  const at = skipLoose(text, 1);
  const c = text[at];
  if (c === undefined) return atTheEnd(place);
  if (c === "}" || c === "]") return beforeCloser(place, at);
  if (c === ",") return beforeComma(place, at);
  if (c === "/") return text[at + 1] === undefined ? atTheEnd(place) : "/*".includes(text[at + 1] ?? "-") ? CLOSES : INNER;
  if (c === "<") return beforeMarkup(place, at);
  // A missing comma.
  if (c === '"') return place.container?.kind === "array" ? beforeString(place, at) : beforeKey(place, place.container, at, true);
  return INNER;
};

/** Nothing behind it yet: it closes if nothing comes. */
function atTheEnd(place: Place): Verdict {
  return place.closed ? CLOSES : "wait";
}

function beforeComma(place: Place, comma: number): Verdict {
  const { text, container } = place;
  let at = skipLoose(text, comma + 1);
  // A doubled comma.
  while (text[at] === ",") at = skipLoose(text, at + 1);
  const c = text[at];
  if (c === undefined) return atTheEnd(place);
  if (container?.kind !== "object") return beforeItem(place, at);
  if (c === '"') return beforeKey(place, container, at, false);
  if (c === "}") return beforeCloser(place, at);
  if (c === "{")
    return /^\{\s*\}?\s*"?\s*:/.test(text.slice(at, at + 16)) ? CLOSES : text.length < at + 16 && !place.closed ? "wait" : INNER;
  if (c === "/" || c === "#") return CLOSES;
  return beforeWord(place, at);
}

function beforeItem({ text, closed }: Place, at: number): Verdict {
  if ("\"{[]-0123456789'/".includes(text[at] ?? "")) return CLOSES;
  const word = text.slice(at, at + 6);
  if (/^(?:true|false|null|True|False|None)(?!\w)/.test(word) && (word.length === 6 || closed)) return CLOSES;
  return word.length < 6 && !closed ? "wait" : INNER;
}

/** A string behind a string in an array: two items without a comma, or an inner quote. */
function beforeString({ text, closed }: Place, at: number): Verdict {
  if (at === 1) return INNER;
  const end = endOfString(text, at);
  const next = end === -1 ? text.length : skipLoose(text, end);
  if (next === text.length && !closed) return "wait";
  return text[next] === "," || text[next] === "]" ? CLOSES : INNER;
}

/** An unquoted, half-quoted or single-quoted key. */
function beforeWord({ text, container, closed }: Place, at: number): Verdict {
  const head = text.slice(at, at + 80);
  const key = /^'?([A-Za-z_$][\w$.-]*)['"]?\s*:/.exec(head)?.[1];
  if (key !== undefined) return container && isExpected(container, key) ? CLOSES : INNER;
  return /^'?(?:[A-Za-z_$][\w$.-]*)?['"]?\s*$/.test(head) && head.length < 80 && !closed ? "wait" : INNER;
}

/** `at`: the quote of what may be the next key. `glued`: no comma before it. */
function beforeKey(place: Place, container: Container | undefined, at: number, glued: boolean): Verdict {
  const { text, string, closed } = place;
  if (container?.kind !== "object") return INNER;
  // The next key's opening quote is doubled.
  if (!glued && text[at + 1] === '"') {
    const head = text.slice(at + 1, at + 80);
    const key = /^"([\w$.-]+)"\s*:/.exec(head)?.[1];
    if (key !== undefined && isExpected(container, key)) return CLOSES;
    if (/^"[\w$.-]*(?:"\s*)?$/.test(head) && !closed) return "wait";
  }
  const end = endOfString(text, at);
  const strict = glued || string.quotes;
  // A declared key is not longer than this, escapes included: what is, is text.
  const longest = Math.max(64, ...container.shape.keys.map((key) => key.length * 6));
  if (strict && (end === -1 ? text.length : end) - at > longest) return INNER;
  if (end === -1) return closed ? (strict ? INNER : CLOSES) : "wait";
  const key = decodeKey(text.slice(at + 1, end - 1));
  const next = skipLoose(text, end);
  const c = text[next];
  if (c === undefined && !closed) return "wait";
  // Well-formed arguments go on like this with any key; a string known to hold quotes, only with a declared one.
  if (c === ":") return !strict || isExpected(container, key) ? CLOSES : INNER;
  if (glued) return INNER;
  // A key without its colon, or without its closing quote.
  if (container.seen.has(key) || declares(container.shape, key.replace(/\s*:\s*$/, ""))) return CLOSES;
  if (c !== "}" && c !== ",") return INNER;
  const ahead = membersAhead(text, end);
  if (ahead.end === -1 && !closed) return "wait";
  // The next member lost its key, and exactly one key is still required.
  return container.shape.required.filter((each) => !container.seen.has(each) && !ahead.keys.includes(each)).length === 1 ? CLOSES : INNER;
}

function isExpected(container: Container, key: string): boolean {
  const { keys } = container.shape;
  return keys.length === 0 || keys.includes(key) || container.seen.has(key);
}

/** `at`: the first of the closers behind the quote. They must close what is open, and go on like JSON. */
function beforeCloser(place: Place, from: number): Verdict {
  const { text, stack, closed } = place;
  let depth = stack.length;
  let at = from;
  while (depth > 0 && (text[at] === "}" || text[at] === "]")) {
    depth -= 1;
    at = skipLoose(text, at + 1);
  }
  if (at === text.length) return atTheEnd(place);
  if (depth > 0 && text[at] === '"') return beforeKey(place, stack[depth - 1], at, true);
  if (depth > 0) return text[at] === "," || text[at] === "{" || text[at] === "/" ? CLOSES : INNER;
  // Something behind the whole: another object, garbage, or the string goes on and closes further behind.
  if (!closed) return "wait";
  return endsAgain(text.slice(at), stack) ? INNER : CLOSES;
}

/**
 * Whether `rest` ends the way arguments end with a string that is open: text, a quote, the closers;
 * or a quote, the next declared members, the closers.
 */
function endsAgain(rest: string, stack: readonly Container[]): boolean {
  const end = rest.trimEnd();
  let from = end.length;
  while (from > 0 && "}] \n".includes(end[from - 1] ?? "-")) from -= 1;
  if (from === end.length || !/[^"{}[\]\s]/.test(rest)) return false;
  if (end[from - 1] !== '"' && !goesOn(rest, stack[0])) return false;
  let open = 0;
  for (const c of rest) open += c === "}" || c === "]" ? 1 : c === "{" || c === "[" ? -1 : 0;
  return open >= stack.length;
}

/** Whether a string ends in `rest` and a declared member of the arguments that has not come follows it. */
function goesOn(rest: string, outermost: Container | undefined): boolean {
  const key = /"\s{0,16},\s{0,16}"([\w$.-]{1,128})"\s{0,16}:/.exec(rest)?.[1];
  return key !== undefined && outermost !== undefined && declares(outermost.shape, key) && !outermost.seen.has(key);
}

/** Closing tags and nothing else up to the end: the closers were lost, the quote closes. */
function beforeMarkup(place: Place, at: number): Verdict {
  if (place.text[at + 1] === undefined) return atTheEnd(place);
  if (!place.closed) return "/|".includes(place.text[at + 1] ?? "-") ? "wait" : INNER;
  return /^(?:<[^<>]*>\s*)+$/.test(place.text.slice(at)) ? CLOSES : INNER;
}
