/**
 * Values as models write them where JSON was not asked for: Python and JavaScript literals, read
 * into JSON text. Number spelling is kept. Anything that is not plainly a literal gives undefined.
 */
interface Literal {
  readonly json: string;
  /** Index behind the literal. */
  readonly end: number;
}

/** Deeper nesting than this is not an argument, it is an attack. */
const MAX_DEPTH = 64;

/** The whole of `text` as JSON, or undefined. */
export function literalToJson(text: string): string | undefined {
  const read = readLiteral(text, 0);
  return read && skipSpace(text, read.end) === text.length ? read.json : undefined;
}

export function readLiteral(text: string, from: number, depth = 0): Literal | undefined {
  const at = skipSpace(text, from);
  const first = text[at];
  if (first === undefined || depth > MAX_DEPTH) return undefined;
  if (first === '"' || first === "'") return readString(text, at);
  if (first === "[") return readList(text, at, "]", depth);
  if (first === "(") return readList(text, at, ")", depth);
  if (first === "{") return readDict(text, at, depth);
  return readWord(text, at);
}

export function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && text.charCodeAt(at) <= 32) at += 1;
  return at;
}

const WORDS: ReadonlyMap<string, string> = new Map([
  ["True", "true"],
  ["False", "false"],
  ["None", "null"],
  ["true", "true"],
  ["false", "false"],
  ["null", "null"],
  ["undefined", "null"],
]);

function readWord(text: string, at: number): Literal | undefined {
  let end = at;
  while (end < text.length && /[\w.+-]/u.test(text.charAt(end))) end += 1;
  const word = text.slice(at, end);
  const known = WORDS.get(word);
  if (known !== undefined) return { json: known, end };
  if (/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/u.test(word)) return { json: word, end };
  // 1_000, .5, 5., +3: Python spells numbers in ways JSON does not.
  if (!/^[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/u.test(word)) return undefined;
  const value = Number(word.replaceAll("_", ""));
  return Number.isFinite(value) ? { json: String(value), end } : undefined;
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["n", "\n"],
  ["t", "\t"],
  ["r", "\r"],
  ["b", "\b"],
  ["f", "\f"],
  ["a", "\u0007"],
  ["v", "\v"],
  ["0", "\0"],
  ["\\", "\\"],
  ["/", "/"],
  ["'", "'"],
  ['"', '"'],
  ["\n", ""],
]);

function readString(text: string, at: number): Literal | undefined {
  const quote = text.charAt(at);
  const mark = text.startsWith(quote.repeat(3), at) ? quote.repeat(3) : quote;
  let out = "";
  let from = at + mark.length;
  for (;;) {
    const end = text.indexOf(mark, from);
    const slash = text.indexOf("\\", from);
    if (end < 0) return undefined;
    if (slash < 0 || slash > end) return { json: JSON.stringify(out + text.slice(from, end)), end: end + mark.length };
    out += text.slice(from, slash);
    const letter = text.charAt(slash + 1);
    const digits = letter === "x" ? 2 : letter === "u" ? 4 : 0;
    if (digits > 0) {
      const code = text.slice(slash + 2, slash + 2 + digits);
      if (code.length < digits || !/^[\da-fA-F]+$/u.test(code)) return undefined;
      out += String.fromCharCode(Number.parseInt(code, 16));
      from = slash + 2 + digits;
      continue;
    }
    const escaped = ESCAPES.get(letter);
    // Python keeps the backslash of an escape it does not know.
    out += escaped ?? `\\${letter}`;
    from = slash + 2;
  }
}

function readList(text: string, at: number, close: string, depth: number): Literal | undefined {
  const items: string[] = [];
  let pos = skipSpace(text, at + 1);
  while (text[pos] !== close) {
    const item = readLiteral(text, pos, depth + 1);
    if (!item) return undefined;
    items.push(item.json);
    pos = skipSpace(text, item.end);
    if (text[pos] === ",") pos = skipSpace(text, pos + 1);
    else if (text[pos] !== close) return undefined;
  }
  return { json: `[${items.join(", ")}]`, end: pos + 1 };
}

function readDict(text: string, at: number, depth: number): Literal | undefined {
  const members: string[] = [];
  let pos = skipSpace(text, at + 1);
  while (text[pos] !== "}") {
    const key = readKey(text, pos);
    if (!key) return undefined;
    pos = skipSpace(text, key.end);
    if (text[pos] !== ":") return undefined;
    const value = readLiteral(text, pos + 1, depth + 1);
    if (!value) return undefined;
    members.push(`${key.json}: ${value.json}`);
    pos = skipSpace(text, value.end);
    if (text[pos] === ",") pos = skipSpace(text, pos + 1);
    else if (text[pos] !== "}") return undefined;
  }
  return { json: `{${members.join(", ")}}`, end: pos + 1 };
}

function readKey(text: string, at: number): Literal | undefined {
  const first = text[at];
  if (first === '"' || first === "'") return readString(text, at);
  const word = /[A-Za-z_$][\w$-]{0,127}/uy;
  word.lastIndex = at;
  const match = word.exec(text);
  return match ? { json: JSON.stringify(match[0]), end: word.lastIndex } : undefined;
}
