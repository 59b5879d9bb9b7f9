/**
 * Where the values of a JSON text stand, so that one of them can be replaced and every other byte
 * stays: the backend's prompt cache lives on bytes that do not change. The text must be well-formed.
 */
export interface Span {
  readonly from: number;
  /** Just behind the last character. */
  readonly to: number;
}

/** A member of an object: from its key's quote to its value's end. */
export interface Member extends Span {
  readonly key: string;
  readonly value: Span;
}

export interface Edit extends Span {
  readonly text: string;
}

export type Path = readonly (string | number)[];

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Finds values by path. What was scanned once is remembered, so that many look-ups read the text once. */
export class JsonSource {
  readonly text: string;
  private readonly objects = new Map<number, readonly Member[]>();
  private readonly arrays = new Map<number, readonly Span[]>();

  constructor(text: string) {
    this.text = text;
  }

  /** The value at a path; of a key that stands twice the last, as parsers take it. Undefined where there is none. */
  at(path: Path): Span | undefined {
    let span: Span | undefined = { from: this.skipSpace(0), to: this.text.length };
    for (const step of path) {
      if (!span) return undefined;
      span = typeof step === "number" ? this.items(span)[step] : this.members(span).findLast(({ key }) => key === step)?.value;
    }
    return span;
  }

  members(object: Span): readonly Member[] {
    if (this.text[object.from] !== "{") return [];
    let known = this.objects.get(object.from);
    if (!known) this.objects.set(object.from, (known = this.readMembers(object.from)));
    return known;
  }

  items(array: Span): readonly Span[] {
    if (this.text[array.from] !== "[") return [];
    let known = this.arrays.get(array.from);
    if (!known) this.arrays.set(array.from, (known = this.readItems(array.from)));
    return known;
  }

  private readMembers(open: number): Member[] {
    const members: Member[] = [];
    let at = this.skipSpace(open + 1);
    while (this.text.charCodeAt(at) === QUOTE) {
      const keyEnd = this.skipString(at);
      const valueFrom = this.skipSpace(this.skipSpace(keyEnd) + 1);
      const valueTo = this.skipValue(valueFrom);
      const key = JSON.parse(this.text.slice(at, keyEnd)) as string;
      members.push({ from: at, to: valueTo, key, value: { from: valueFrom, to: valueTo } });
      at = this.skipComma(valueTo);
    }
    return members;
  }

  private readItems(open: number): Span[] {
    const items: Span[] = [];
    let at = this.skipSpace(open + 1);
    while (at < this.text.length && this.text[at] !== "]") {
      const to = this.skipValue(at);
      items.push({ from: at, to });
      at = this.skipComma(to);
    }
    return items;
  }

  private skipSpace(at: number): number {
    let to = at;
    while (to < this.text.length && " \t\n\r".includes(this.text.charAt(to))) to += 1;
    return to;
  }

  private skipComma(at: number): number {
    const to = this.skipSpace(at);
    return this.text[to] === "," ? this.skipSpace(to + 1) : to;
  }

  private skipString(open: number): number {
    for (let at = open; ;) {
      at = this.text.indexOf('"', at + 1);
      if (at < 0) return this.text.length;
      let slashes = 0;
      while (this.text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes += 1;
      if (slashes % 2 === 0) return at + 1;
    }
  }

  private skipValue(from: number): number {
    let depth = 0;
    let at = from;
    while (at < this.text.length) {
      const char = this.text.charAt(at);
      if (char === '"') {
        at = this.skipString(at);
        if (depth === 0) return at;
        continue;
      }
      if (char === "{" || char === "[") depth += 1;
      else if (char === "}" || char === "]") {
        if (depth === 0) return at;
        depth -= 1;
        if (depth === 0) return at + 1;
      } else if (depth === 0 && (char === "," || " \t\n\r".includes(char))) return at;
      at += 1;
    }
    return at;
  }
}

/** Cuts some of a list's parts out, each with one comma: those behind a kept part take the comma before them. */
export function cutOut(parts: readonly Span[], out: (position: number) => boolean): Edit[] {
  const edits: Edit[] = [];
  let kept = false;
  parts.forEach((part, i) => {
    if (!out(i)) {
      kept = true;
      return;
    }
    const from = kept ? (parts[i - 1]?.to ?? part.from) : part.from;
    const to = kept ? part.to : (parts[i + 1]?.from ?? part.to);
    edits.push({ from, to, text: "" });
  });
  return edits;
}

/** The text with edits made; they must not overlap. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  let out = "";
  let at = 0;
  for (const edit of [...edits].sort((a, b) => a.from - b.from)) {
    out += text.slice(at, edit.from) + edit.text;
    at = edit.to;
  }
  return out + text.slice(at);
}
