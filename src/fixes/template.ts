import type { Frame } from "../wire/frame.ts";
import type { Wakes } from "./wakes.ts";
import { ESCAPE, SLEEPS, WAKES } from "./wakes.ts";

/**
 * A frame seen as what stands around its text: the chunks of one reply repeat each other byte for
 * byte but for one string.
 */
export interface Template {
  readonly before: Uint8Array;
  /** From the quote that ends the text to the end of the frame. */
  readonly behind: Uint8Array;
  /** What stands around the text in the frame's data. */
  readonly head: string;
  readonly tail: string;
}

const QUOTE = 34;
const BACKSLASH = 92;
const SLASH = 47;
const LETTER_U = 117;
/** A text that is safe to look for in the frame as it is. */
const SIMPLE = /^[ !#-[\]-~]+$/u;

/** The template of a frame that says `text`; undefined where it is not sure which of its strings that is. */
export function learnTemplate({ raw, data = "" }: Frame, text: string): Template | undefined {
  if (!SIMPLE.test(text)) return undefined;
  const quoted = `"${text}"`;
  // One character per byte, so that places in it are places in the frame.
  const frame = new TextDecoder("latin1").decode(raw);
  const at = frame.indexOf(quoted);
  if (at < 1 || frame.charAt(at - 1) !== ":" || frame.includes(quoted, at + 1)) return undefined;
  const [from, fromData] = [at + 1, data.indexOf(quoted) + 1];
  if (fromData === 0) return undefined;
  const to = from + text.length;
  const toData = fromData + text.length;
  return { before: raw.slice(0, from), behind: raw.slice(to), head: data.slice(0, fromData), tail: data.slice(toData) };
}

/** The one end of a chunk that is one frame, for all such chunks: it is the chunk's own. */
const WHOLE: readonly number[] = [Infinity];

/** Where the frames of a chunk end, when it is nothing but frames that repeat the template around texts that wake nobody. */
export function endsOfRepeats(template: Template, chunk: Uint8Array, wakes: Wakes): readonly number[] | undefined {
  let end = endOfRepeat(template, chunk, 0, wakes);
  if (end === chunk.length) return WHOLE;
  const ends: number[] = [end];
  while (end >= 0 && end < chunk.length) {
    end = endOfRepeat(template, chunk, end, wakes);
    ends.push(end);
  }
  return end < 0 ? undefined : ends;
}

/**
 * Where the frame that begins at `from` ends, when it repeats the template around a text that wakes
 * nobody; -1 when it does not.
 */
function endOfRepeat({ before, behind }: Template, chunk: Uint8Array, from: number, wakes: Wakes): number {
  const text = from + before.length;
  if (!standsAt(before, chunk, from)) return -1;
  const quote = endOfText(chunk, text, wakes);
  if (quote <= text || !standsAt(behind, chunk, quote)) return -1;
  return quote + behind.length;
}

/** Whether a whole frame is one of the template, with whatever text. */
export function repeats({ before, behind }: Template, raw: Uint8Array): boolean {
  const from = raw.length - behind.length;
  return from >= before.length && standsAt(before, raw, 0) && standsAt(behind, raw, from);
}

function standsAt(wanted: Uint8Array, chunk: Uint8Array, from: number): boolean {
  if (from + wanted.length > chunk.length) return false;
  // Backwards: what differs between frames (ids, counts) stands behind the text more often than before it.
  for (let i = wanted.length - 1; i >= 0; i--) if (wanted[i] !== chunk[from + i]) return false;
  return true;
}

/** Where the quote stands that ends a JSON string that wakes nobody; -1 when something wakes, or the string is not sound. */
function endOfText(chunk: Uint8Array, from: number, wakes: Wakes): number {
  let at = from;
  for (;;) {
    let byte = chunk[at] ?? 0;
    if (byte === QUOTE) return at;
    if (byte < 0x20) return -1;
    let size = 1;
    if (byte === BACKSLASH) {
      byte = ESCAPES[chunk[at + 1] ?? 0] ?? 0;
      if (byte === 0) return -1;
      size = 2;
    } else if (byte >= 0x80) {
      size = sizeOfCharacter(chunk, at);
      if (size === 0) return -1;
    }
    at += size;
    const wake = wakes[byte] ?? WAKES;
    if (wake === SLEEPS) continue;
    if (wake === ESCAPE) {
      size = sizeOfEscaped(chunk, at);
      if (size === 0) return -1;
      at += size;
      continue;
    }
    const next = chunk[at];
    if (wake === WAKES || next === wake || next === QUOTE || next === BACKSLASH) return -1;
  }
}

/** The characters of the two-letter escapes. `\u` is read in full elsewhere. */
const ESCAPES = new Uint8Array(256);
for (const [letter, meant] of Object.entries({ '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }))
  ESCAPES[letter.charCodeAt(0)] = meant.charCodeAt(0);

/** Bytes of a character that JSON allows behind a backslash, the text being JSON itself; 0 for any other. */
function sizeOfEscaped(chunk: Uint8Array, at: number): number {
  const byte = chunk[at] ?? 0;
  if (byte === QUOTE) return 0;
  if (byte !== BACKSLASH) return ESCAPES[byte] !== 0 || byte === LETTER_U ? 1 : 0;
  const letter = chunk[at + 1];
  return letter === QUOTE || letter === BACKSLASH || letter === SLASH ? 2 : 0;
}

/**
 * Bytes of the UTF-8 character at `at`; 0 when it is not sound (Unicode 15, table 3-7), cut off, or U+FFFD,
 * which may stand for bytes that were lost.
 */
function sizeOfCharacter(chunk: Uint8Array, at: number): number {
  const lead = chunk[at] ?? 0;
  const second = chunk[at + 1] ?? 0;
  if (lead >= 0xc2 && lead <= 0xdf) return follows(second) ? 2 : 0;
  const third = chunk[at + 2] ?? 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const least = lead === 0xe0 ? 0xa0 : 0x80;
    const most = lead === 0xed ? 0x9f : 0xbf;
    const lost = lead === 0xef && second === 0xbf && third === 0xbd;
    return second >= least && second <= most && follows(third) && !lost ? 3 : 0;
  }
  if (lead < 0xf0 || lead > 0xf4) return 0;
  const least = lead === 0xf0 ? 0x90 : 0x80;
  const most = lead === 0xf4 ? 0x8f : 0xbf;
  return second >= least && second <= most && follows(third) && follows(chunk[at + 3] ?? 0) ? 4 : 0;
}

function follows(byte: number): boolean {
  return byte >= 0x80 && byte <= 0xbf;
}
