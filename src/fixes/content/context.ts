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
  /** Set in as far as Markdown sets code in. */
  readonly indented: boolean;
  /** What encloses it, if that is closed behind it: names of elements and environments. */
  readonly open: ReadonlyMap<string, number>;
}

/** More of a line is not needed to know what it is. */
const LINE_HEAD = 240;
const LINE_TAIL = 2320;
const MAX_LINE = LINE_HEAD + LINE_TAIL;
/** So many pieces of a line are put together at a time. */
const MAX_PARTS = 16;

export class TextContext {
  /** The line so far; of a long one its beginning and its end, or more of it. */
  #line = "";
  /** What came of the line since it was last put together: most of it is never asked for. */
  #parts: string[] | undefined;
  #ticks = 0;
  #lastLine = "";
  /** The fence we are in, as it was opened. */
  #fence: string | undefined;
  #said = false;
  #open: ReadonlyMap<string, number> = NOTHING;

  /** The last character that was fed, if any. */
  last = "";

  feed(text: string): void {
    let from = 0;
    this.last = text.charAt(text.length - 1);
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
      this.#extend(text.slice(from, end));
      this.#endLine();
      from = end + 1;
    }
    if (from < text.length) this.#extend(from === 0 ? text : text.slice(from));
  }

  clone(): TextContext {
    const copy = new TextContext();
    copy.#line = this.line;
    copy.last = this.last;
    copy.#ticks = this.#ticks;
    copy.#lastLine = this.#lastLine;
    copy.#fence = this.#fence;
    copy.#said = this.#said;
    copy.#open = this.#open;
    return copy;
  }

  /** A line break that nobody wrote: behind a call that was taken out. */
  breakLine(): void {
    this.last = "";
    this.#endLine();
  }

  /** Where a call would begin now; undefined where the text is code, quoted or quotes. */
  place(): Place | undefined {
    if (this.#fence !== undefined || this.inCode) return undefined;
    const { line } = this;
    const trimmed = line.trimStart();
    if (trimmed.startsWith(">") || trimmed.startsWith("|") || QUOTES.has(line.at(-1) ?? "") || isListed(trimmed)) return undefined;
    const lineStart = trimmed === "";
    const indented = lineStart && (line.includes("\t") || line.length >= 4);
    if (lineStart && this.#said && (indented || (OPENERS.test(this.#lastLine) && isListed(this.#lastLine)))) return undefined;
    const before = this.#open;
    return {
      lineStart,
      intro: lineStart ? this.#lastLine : line,
      said: this.#said,
      indented,
      // Asked for only where a block is a call: reading the whole line for every mark in it costs its length.
      get open() {
        return withElements(before, line);
      },
    };
  }

  /** Inside `inline code`. */
  get inCode(): boolean {
    return this.#ticks % 2 === 1;
  }

  /** How the text was cut makes no difference: of a long line its beginning and its end, to the character. */
  get line(): string {
    this.#join();
    return shortened(this.#line);
  }

  #join(): void {
    if (!this.#parts) return;
    this.#line += this.#parts.join("");
    this.#parts = undefined;
    if (this.#line.length > 2 * MAX_LINE) this.#line = shortened(this.#line);
  }

  #extend(part: string): void {
    for (let at = part.indexOf("`"); at >= 0; at = part.indexOf("`", at + 1)) this.#ticks += 1;
    if (part === "") return;
    const parts = (this.#parts ??= []);
    parts.push(part);
    if (parts.length === MAX_PARTS || part.length > LINE_TAIL) this.#join();
    if (!this.#said && part.trim() !== "") this.#said = true;
  }

  #endLine(): void {
    const { line } = this;
    const trimmed = line.trim();
    if (trimmed !== "") {
      const mark = FENCE.exec(trimmed)?.[0];
      if (mark !== undefined && this.#fence === undefined) this.#fence = mark;
      // As in Markdown: as many marks at least as opened it, and nothing behind them.
      else if (mark !== undefined && mark === trimmed && mark.startsWith(this.#fence ?? mark)) this.#fence = undefined;
      else if (this.#fence === undefined) this.#open = withElements(this.#open, line);
      this.#lastLine = line;
    }
    this.#line = "";
    this.#ticks = 0;
  }
}

function shortened(line: string): string {
  return line.length > MAX_LINE ? line.slice(0, LINE_HEAD) + line.slice(-LINE_TAIL) : line;
}

const QUOTES: ReadonlySet<string> = new Set(["`", '"', "'", "“", "‘", "«", "„", "(", "\\"]);
const FENCE = /^(?:`{3,}|~{3,})/u;
/** The beginning of a list's item, of a numbered, found (`file:12:`), changed (`+`, `-`) or logged line: what follows is what the line is about. */
const LISTED = /^(?:[-+*•]|\d{1,9}[.):]?|[^\s:]{1,200}:\d{1,9}[:-]|\[?\d{4}-\d\d-\d\d[ T]\d\d:\d\d.*)$/u;
/** Tags at the end of a line: outer marks of a call of which an inner one is being looked at. */
const OPENERS = /(?:<[^<>]{1,64}>\s{0,4})+$/u;

function isListed(line: string): boolean {
  const text = line.trim();
  return LISTED.test(text) || (text.endsWith(">") && LISTED.test(text.replace(OPENERS, "").trimEnd()));
}

/** An element's tag, a comment's or an environment's beginning or end. */
const ELEMENT = /<(\/?)(?!(?:tool|function)_call)([A-Za-z][\w-]{0,31})(?=[\s>/])|(<!--)|(-->)|\\(begin|end)\{([A-Za-z*]{1,32})\}/gu;
const MAX_ELEMENTS = 64;
const NOTHING: ReadonlyMap<string, number> = new Map();

function* elementsOf(text: string): Generator<{ readonly name: string; readonly closes: boolean }> {
  if (!text.includes("<") && !text.includes("\\") && !text.includes("-->")) return;
  for (const [, slash, tag, , end, verb, environment] of text.matchAll(ELEMENT))
    yield { name: tag ?? environment ?? "!--", closes: slash === "/" || end !== undefined || verb === "end" };
}

/** What is open behind `text`; the same map where that changes nothing. */
function withElements(before: ReadonlyMap<string, number>, text: string): ReadonlyMap<string, number> {
  let open: Map<string, number> | undefined;
  for (const { name, closes } of elementsOf(text)) {
    const known = (open ?? before).get(name) ?? 0;
    if (known === 0 && (closes || (open ?? before).size >= MAX_ELEMENTS)) continue;
    open ??= new Map(before);
    if (closes && known === 1) open.delete(name);
    else open.set(name, known + (closes ? -1 : 1));
  }
  return open ?? before;
}

/** Whether `rest` closes something that was opened before the block. */
function closesAround(open: ReadonlyMap<string, number>, rest: string): boolean {
  if (open.size === 0) return false;
  const inside = new Map<string, number>();
  for (const { name, closes } of elementsOf(rest)) {
    const count = inside.get(name) ?? 0;
    if (closes && count === 0 && open.has(name)) return true;
    inside.set(name, Math.max(0, count + (closes ? -1 : 1)));
  }
  return false;
}

/** How far behind a block a stray closing tag is looked for. */
const NEAR = 16 * 1024;
/** Characters that go on with a sentence around what stands before them. */
const GOES_ON = /^[.,;:!?)\]"'`»”’]/u;
const EXAMPLE =
  /\b(?:e\.g|examples?|exemples?|exemplos?|ejemplos?|beispiele?|esempio|syntax|format|schema|looks? like|would (?:look|be|write|emit)|wrote|writes?|said|says|reads|contain(?:s|ed|ing)?|quotes?d?|quotation|following (?:text|block|snippet|markup|content)|output|log(?:s|ged)?|errors?|failed|never|don't|do not|not run|attacker|inject(?:s|ed|ion)?|malicious)\b|例|形式|格式|内容|예시|пример|формат/iu;
const INTENT =
  /\b(?:let me(?! know)|let's|i'll|i will|i need|i should|i'm|going to|checking|running|reading|looking|searching|fetching|verifying|testing|using|calling)\b|^\s{0,4}(?:now|first|next|then)\b|我来|让我|我将|我会|我先|接下来|します|しましょう|하겠습니다|할게요/iu;
/** A heading, or a line that is bold as a whole. */
const HEADING = /^(?:#{1,6}\s|\*\*[^*]*\*\*$)/u;

/** Whether the line introduces what follows it, rather than saying something of its own. */
function introduces(line: string): boolean {
  const text = line.trim();
  return /[:：][*_]{0,3}$/u.test(text) || HEADING.test(text);
}

/** Whether the line before a block announces an example or a quotation rather than a deed. */
export function announcesExample(intro: string): boolean {
  return introduces(intro) && EXAMPLE.test(intro) && !INTENT.test(intro);
}

/**
 * Whether text behind a block leaves it a call. `gap` is the white space between the two, `rest` what
 * follows: a new line of its own does, a sentence that runs on through the block does not. A block
 * between two paragraphs is a call only where one of them says so: text that speaks of a call looks
 * the same.
 */
export function leavesCall(place: Place, gap: string, rest: string): boolean {
  const intent = INTENT.test(place.intro);
  if (!place.lineStart || place.indented || (introduces(place.intro) && !intent)) return false;
  const near = rest.slice(0, NEAR);
  if (closesAround(place.open, near) || hasOrphan(near, "parameter") || hasOrphan(near, "arg_value")) return false;
  if (place.said && !intent && !INTENT.test(near.split("\n", 1)[0] ?? "")) return false;
  if (gap.includes("\n")) return true;
  return gap === "" && !GOES_ON.test(rest);
}

/** A closing tag whose opening one is not there: the block was read too short. */
function hasOrphan(text: string, name: string): boolean {
  const close = text.indexOf(`</${name}>`);
  const open = text.indexOf(`<${name}`);
  return close >= 0 && (open < 0 || open > close);
}
