/**
 * Where in a message the text stands: in a code fence, in inline code, in a quotation, at the
 * beginning of a line. A call is made only where the message itself speaks.
 */
export interface Place {
  /** Only white space before it on its line. */
  readonly lineStart: boolean;
  /** The line that leads to it: its own so far, else the last one that says something. */
  readonly intro: string;
  /** Something was said before it. */
  readonly said: boolean;
}

/** More of a line is not needed to know what it is. */
const LINE_HEAD = 240;
const LINE_TAIL = 400;

export class TextContext {
  /** The line so far; of a long one its beginning and its end. */
  #line = "";
  #ticks = 0;
  #lastLine = "";
  /** What closes the fence we are in. */
  #fence: string | undefined;
  #said = false;

  feed(text: string): void {
    let from = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
      this.#extend(text.slice(from, end));
      this.#endLine();
      from = end + 1;
    }
    if (from < text.length) this.#extend(from === 0 ? text : text.slice(from));
  }

  clone(): TextContext {
    const copy = new TextContext();
    copy.#line = this.#line;
    copy.#ticks = this.#ticks;
    copy.#lastLine = this.#lastLine;
    copy.#fence = this.#fence;
    copy.#said = this.#said;
    return copy;
  }

  /** A line break that nobody wrote: behind a call that was taken out. */
  breakLine(): void {
    this.#endLine();
  }

  /** Where a call would begin now; undefined where the text is code, quoted or quotes. */
  place(): Place | undefined {
    if (this.#fence !== undefined || this.inCode) return undefined;
    const line = this.#line;
    const trimmed = line.trimStart();
    if (trimmed.startsWith(">") || trimmed.startsWith("|") || QUOTES.has(line.at(-1) ?? "")) return undefined;
    const lineStart = trimmed === "";
    if (lineStart && this.#said && (line.includes("\t") || line.length >= 4)) return undefined;
    return { lineStart, intro: lineStart ? this.#lastLine : line, said: this.#said };
  }

  /** Inside `inline code`. */
  get inCode(): boolean {
    return this.#ticks % 2 === 1;
  }

  get line(): string {
    return this.#line;
  }

  #extend(part: string): void {
    for (let at = part.indexOf("`"); at >= 0; at = part.indexOf("`", at + 1)) this.#ticks += 1;
    this.#line += part;
    if (this.#line.length > 4 * (LINE_HEAD + LINE_TAIL)) this.#line = this.#line.slice(0, LINE_HEAD) + this.#line.slice(-LINE_TAIL);
    if (!this.#said && part.trim() !== "") this.#said = true;
  }

  #endLine(): void {
    const trimmed = this.#line.trim();
    if (trimmed !== "") {
      const mark = trimmed.startsWith("```") ? "```" : trimmed.startsWith("~~~") ? "~~~" : undefined;
      if (mark !== undefined && this.#fence === undefined) this.#fence = mark;
      else if (mark !== undefined && mark === this.#fence) this.#fence = undefined;
      this.#lastLine = this.#line;
    }
    this.#line = "";
    this.#ticks = 0;
  }
}

const QUOTES: ReadonlySet<string> = new Set(["`", '"', "'", "“", "‘", "«", "„", "(", "\\"]);

/** How far behind a block a stray closing tag is looked for. */
const NEAR = 16 * 1024;
/** Characters that go on with a sentence around what stands before them. */
const GOES_ON = /^[.,;:!?)\]"'`»”’]/u;
const EXAMPLE = /\b(?:e\.g\.|examples?|syntax|format|looks? like|would (?:look|be|write|emit)|wrote|said|says)\b/iu;
const INTENT =
  /\b(?:let me|let's|i'll|i will|i need|i should|i'm|going to|checking|running|reading|looking|searching|fetching|verifying|testing|using|calling)\b|^\s{0,4}(?:now|first|next|then)\b/iu;

/** Whether the line before a block announces an example or a quotation rather than a deed. */
export function announcesExample(intro: string): boolean {
  return intro.trimEnd().endsWith(":") && EXAMPLE.test(intro) && !INTENT.test(intro);
}

/**
 * Whether text behind a block leaves it a call. `gap` is the white space between the two, `rest` what
 * follows: a new line of its own does, a sentence that runs on through the block does not.
 */
export function leavesCall(place: Place, gap: string, rest: string): boolean {
  if (!place.lineStart || (place.intro.trimEnd().endsWith(":") && !INTENT.test(place.intro))) return false;
  const near = rest.slice(0, NEAR);
  if (hasOrphan(near, "parameter") || hasOrphan(near, "arg_value")) return false;
  if (gap.includes("\n")) return true;
  return gap === "" && !GOES_ON.test(rest);
}

/** A closing tag whose opening one is not there: the block was read too short. */
function hasOrphan(text: string, name: string): boolean {
  const close = text.indexOf(`</${name}>`);
  const open = text.indexOf(`<${name}`);
  return close >= 0 && (open < 0 || open > close);
}
