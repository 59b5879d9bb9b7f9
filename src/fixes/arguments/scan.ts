/** Looking ahead in input that has come but is not yet decided. Every function is linear in what it reads. */

/** The index of the first character that is not white space, from `from`; `text.length` when there is none. */
export function skipSpace(text: string, from = 0): number {
  let at = from;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) break;
  }
  return at;
}

/** The index behind the string that begins at `from` with `quote`; -1 when it does not end here. */
export function endOfString(text: string, from: number, quote = '"'): number {
  for (let at = from + 1; at < text.length; at++) {
    const c = text[at];
    if (c === "\\") at += 1;
    else if (c === quote) return at + 1;
  }
  return -1;
}

/**
 * The index behind the container that begins at `from`; -1 when it does not end here. Reads strings
 * as JSON does, and single-quoted ones only where a token may begin.
 */
export function endOfContainer(text: string, from: number): number {
  let depth = 0;
  let fresh = true;
  for (let at = from; at < text.length; at++) {
    const c = text[at];
    if (c === '"' || (c === "'" && fresh)) {
      const end = endOfString(text, at, c);
      if (end === -1) return -1;
      at = end - 1;
      fresh = false;
    } else if (c === "{" || c === "[") {
      depth += 1;
      fresh = true;
    } else if (c === "}" || c === "]") {
      depth -= 1;
      if (depth === 0) return at + 1;
      fresh = false;
    } else if (c === "," || c === ":") fresh = true;
    else if (c !== " " && c !== "\n" && c !== "\r" && c !== "\t") fresh = false;
  }
  return -1;
}

/** What is left of the object whose members `text` is in the middle of. */
export interface Ahead {
  /** Keys still to come on the object's own level, as far as they are well formed. */
  readonly keys: readonly string[];
  /** The index of the object's `}`; -1 when it has not come. */
  readonly end: number;
}

export function membersAhead(text: string, from = 0): Ahead {
  const keys: string[] = [];
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const c = text[at];
    if (c === '"') {
      const end = endOfString(text, at);
      if (end === -1) return { keys, end: -1 };
      if (depth === 0 && text[skipSpace(text, end)] === ":") keys.push(decodeKey(text.slice(at + 1, end - 1)));
      at = end - 1;
    } else if (c === "{" || c === "[") depth += 1;
    else if (c === "}" || c === "]") {
      if (depth === 0) return { keys, end: at };
      depth -= 1;
    }
  }
  return { keys, end: -1 };
}

/** A key as written between its quotes, decoded; as written when it is no JSON. */
export function decodeKey(body: string): string {
  if (!body.includes("\\")) return body;
  return decodeString(`"${body}"`) ?? body;
}

export function decodeString(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Like `skipSpace`, and over `\\n`, `\\r`, `\\t` written as two characters outside any string. */
export function skipLoose(text: string, from: number): number {
  let at = skipSpace(text, from);
  while (text[at] === "\\" && "nrt".includes(text[at + 1] ?? "-")) at = skipSpace(text, at + 2);
  // Half of such an escape: what it is will be known with the next character.
  return text[at] === "\\" && at + 1 === text.length ? text.length : at;
}

/** JSON text without the white space between its tokens: the same for two spellings that differ in nothing else. */
export function withoutSpace(text: string): string {
  return text.replaceAll(/("(?:[^"\\]|\\[^])*")|[ \n\r\t]+/g, (_, string: string | undefined) => string ?? "");
}

/** A member of an object as it stands in well-formed text. */
export interface Member {
  readonly key: string;
  /** The member from its key's quote to its value's end. */
  readonly text: string;
  readonly value: string;
}

/** The members of the object that well-formed JSON `text` is. */
export function membersOf(text: string): readonly Member[] {
  const members: Member[] = [];
  for (let at = skipSpace(text, text.indexOf("{") + 1); text[at] === '"';) {
    const from = at;
    const end = endOfString(text, at);
    const value = skipSpace(text, skipSpace(text, end) + 1);
    const over = endOfValue(text, value);
    if (end === -1 || over === -1) return members;
    members.push({ key: decodeKey(text.slice(from + 1, end - 1)), text: text.slice(from, over), value: text.slice(value, over) });
    at = skipSpace(text, skipSpace(text, over) + 1);
  }
  return members;
}

/** The index behind the well-formed JSON value at `from`; -1 when it does not end here. */
export function endOfValue(text: string, from: number): number {
  if (text[from] === '"') return endOfString(text, from);
  if (text[from] === "{" || text[from] === "[") return endOfContainer(text, from);
  for (let at = from; at < text.length; at++) if (",}] \n\r\t".includes(text[at] ?? "")) return at;
  return -1;
}
