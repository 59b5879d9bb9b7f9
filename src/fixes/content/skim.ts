import { parseOrUndefined } from "../../wire/json.ts";
import { skipSpace } from "./literal.ts";

/**
 * Finds the members of a JSON-like object without changing a letter of it: where each value begins
 * and ends. The strict way knows JSON only; the lenient one also Python quotes and quotes that were
 * not escaped, which end a string only where JSON could go on behind them.
 */
export interface Member {
  readonly key: string;
  readonly start: number;
  readonly end: number;
}

export interface Members {
  readonly list: readonly Member[];
  readonly end: number;
  /** False when the text ended between two members; every member listed is whole. */
  readonly closed: boolean;
}

/** Undefined: no object. `"cut"`: the text ended inside a value. */
type Skimmed<T> = T | undefined | "cut";

const MAX_DEPTH = 200;

export function skimObject(text: string, from: number, lenient: boolean): Skimmed<Members> {
  const list: Member[] = [];
  let at = skipSpace(text, from);
  if (text[at] !== "{") return undefined;
  at = skipSpace(text, at + 1);
  while (text[at] !== "}") {
    if (at >= text.length) return list.length > 0 ? { list, end: at, closed: false } : "cut";
    const quote = text.charAt(at);
    if (quote !== '"' && !(lenient && quote === "'")) return unclosed(text, at, list);
    const keyEnd = skimString(text, at, false);
    if (keyEnd < 0) return "cut";
    const colon = skipSpace(text, keyEnd);
    if (colon >= text.length) return "cut";
    if (text[colon] !== ":") return undefined;
    const start = skipSpace(text, colon + 1);
    const end = skimValue(text, start, lenient, 1);
    if (end === undefined || end === "cut") return end;
    list.push({ key: text.slice(at + 1, keyEnd - 1), start, end });
    at = skipSpace(text, end);
    if (text[at] === ",") at = skipSpace(text, at + 1);
    else if (text[at] !== "}" && at < text.length) return unclosed(text, at, list);
  }
  return { list, end: at + 1, closed: true };
}

/** Whole members and then something else: a missing `}` before a closing tag, or no object at all. */
function unclosed(text: string, at: number, list: readonly Member[]): Skimmed<Members> {
  if (list.length === 0) return undefined;
  return text[at] === "<" || text[at] === "`" ? { list, end: at, closed: false } : undefined;
}

/** Index behind the value at `at`. */
function skimValue(text: string, at: number, lenient: boolean, depth: number): Skimmed<number> {
  const first = text[at];
  if (first === undefined) return "cut";
  if (first === '"' || (lenient && first === "'")) {
    const end = skimString(text, at, lenient);
    return end < 0 ? "cut" : end;
  }
  if (first === "{" || first === "[") return skimNested(text, at, lenient, depth);
  let end = at;
  while (end < text.length && /[\w.+-]/u.test(text.charAt(end))) end += 1;
  return end === at ? undefined : end;
}

function skimNested(text: string, from: number, lenient: boolean, depth: number): Skimmed<number> {
  const open: string[] = [];
  let at = from;
  while (at < text.length) {
    const char = text.charAt(at);
    if (char === '"' || (lenient && char === "'")) {
      const end = skimString(text, at, lenient);
      if (end < 0) return "cut";
      at = end;
      continue;
    }
    if (char === "{" || char === "[") {
      open.push(char === "{" ? "}" : "]");
      if (open.length + depth > MAX_DEPTH) return undefined;
    } else if (char === "}" || char === "]") {
      if (open.pop() !== char) return undefined;
      if (open.length === 0) return at + 1;
    }
    at += 1;
  }
  return "cut";
}

/** Index behind the closing quote, -1 when the text ends inside the string. */
function skimString(text: string, at: number, lenient: boolean): number {
  const quote = text.charAt(at);
  let from = at + 1;
  for (;;) {
    const end = text.indexOf(quote, from);
    if (end < 0) return -1;
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === 92 && end - 1 - slashes > at) slashes += 1;
    if (slashes % 2 === 0 && (!lenient || closesString(text, end))) return end + 1;
    from = end + 1;
  }
}

function closesString(text: string, at: number): boolean {
  const next = skipSpace(text, at + 1);
  if (next >= text.length) return true;
  const char = text.charAt(next);
  if (char === "}" || char === "]" || char === ":" || char === "<") return true;
  if (char !== ",") return false;
  const after = text.charAt(skipSpace(text, next + 1));
  return after === "" || /["'{}[\]\dtfnTFN-]/u.test(after);
}

/** The text with the quotes inside its strings escaped that were not; undefined where that does not make JSON of it. */
export function escapeQuotes(text: string): string | undefined {
  let out = "";
  let from = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', from)) {
    const end = skimString(text, at, true);
    if (end < 0) return undefined;
    const body = text.slice(at + 1, end - 1).replaceAll(/\\[\s\S]|"/gu, (found) => (found === '"' ? '\\"' : found));
    out += `${text.slice(from, at)}"${body}"`;
    from = end;
  }
  out += text.slice(from);
  return parseOrUndefined(out) === undefined ? undefined : out;
}
