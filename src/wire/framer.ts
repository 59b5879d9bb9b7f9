/**
 * Cuts the body of an event stream after each blank line.
 *
 * The frames laid end to end are the body, byte for byte, and where the network cut the
 * body makes no difference to where a frame ends. Nothing is decoded and nothing dropped:
 * comments, `id:` lines and odd line ends all stay inside the frame they came in.
 *
 * A line ends with LF, CR LF or CR (https://html.spec.whatwg.org/multipage/server-sent-events.html).
 * One byte is ambiguous: a CR that may be the first half of CR LF. After a line that ended
 * with a bare CR it is taken as the whole line end at once, so that a stream in CR style is
 * never held up; otherwise the next byte decides.
 */
export interface Framer {
  /** The frames that `chunk` completes. Views of the chunk where a frame lies whole in it. */
  push(chunk: Uint8Array): readonly Uint8Array[];
  /** What is left over when the body ends: an unfinished frame, or nothing (length 0). */
  end(): Uint8Array;
  /** Bytes held back because their frame is not complete yet. */
  readonly held: number;
  /** The last byte ended a frame, so that the next one begins one. */
  readonly between: boolean;
}

const LF = 10;
const CR = 13;

/**
 * Where the reading stands: at a frame's first byte, inside a line, behind a line's LF, behind a
 * line's CR (perhaps half of CR LF), or behind the CR of a blank line (perhaps half of CR LF).
 */
type LineState = "start" | "text" | "afterLf" | "lineCr" | "blankCr";

export function createFramer(): Framer {
  return new SseFramer();
}

/** A class, because an object literal with getters is a dictionary to V8, and this is asked with every chunk. */
class SseFramer implements Framer {
  #kept: Uint8Array[] = [];
  #state: LineState = "start";
  /** Where the next CR of the chunk at hand stands, its length when there is none; below the reading position: not known. */
  #nextCr = -1;
  held = 0;

  get between(): boolean {
    return this.held === 0 && this.#state === "start";
  }

  push(chunk: Uint8Array): readonly Uint8Array[] {
    const frames: Uint8Array[] = [];
    this.#nextCr = -1;
    let from = 0;
    for (;;) {
      const end = this.#findEnd(chunk, from);
      if (end < 0) break;
      frames.push(this.#take(chunk, from, end));
      from = end;
    }
    if (from < chunk.length) {
      this.#kept.push(chunk.subarray(from));
      this.held += chunk.length - from;
    }
    return frames;
  }

  end(): Uint8Array {
    const rest = join(this.#kept, this.held, new Uint8Array(0));
    this.#kept = [];
    this.held = 0;
    this.#state = "start";
    return rest;
  }

  /** Index just behind the blank line that ends a frame, or -1. Advances the state over what it read. */
  #findEnd(chunk: Uint8Array, from: number): number {
    let at = from;
    let state = this.#state;
    let end = -1;
    while (end < 0 && at < chunk.length) {
      if (state === "text") {
        // Most bytes are inside a line: let the engine's own search find its end.
        const lf = chunk.indexOf(LF, at);
        // Most streams have no CR: look once per chunk, not once per line.
        if (this.#nextCr < at) this.#nextCr = indexOrEnd(chunk, CR, at);
        const cr = this.#nextCr;
        if (lf < 0 && cr === chunk.length) break;
        if (lf >= 0 && lf < cr) {
          state = "afterLf";
          at = lf + 1;
        } else {
          state = "lineCr";
          at = cr + 1;
        }
        continue;
      }
      const byte = chunk[at];
      if (state === "blankCr") {
        // The blank line's CR was read; an LF right behind it belongs to the same line end.
        state = "start";
        end = byte === LF ? at + 1 : at;
      } else if (state === "lineCr" && byte === LF) {
        state = "afterLf";
        at += 1;
      } else if (byte === LF) {
        state = "start";
        end = at + 1;
      } else if (byte === CR) {
        at += 1;
        if (state === "lineCr") {
          state = "start";
          end = at;
        } else state = "blankCr";
      } else {
        state = "text";
        at += 1;
      }
    }
    this.#state = state;
    return end;
  }

  #take(chunk: Uint8Array, from: number, to: number): Uint8Array {
    const tail = chunk.subarray(from, to);
    if (this.held === 0) return tail;
    const whole = join(this.#kept, this.held, tail);
    this.#kept = [];
    this.held = 0;
    return whole;
  }
}

function indexOrEnd(chunk: Uint8Array, byte: number, from: number): number {
  const at = chunk.indexOf(byte, from);
  return at < 0 ? chunk.length : at;
}

function join(parts: readonly Uint8Array[], bytes: number, last: Uint8Array): Uint8Array {
  const whole = new Uint8Array(bytes + last.length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  whole.set(last, at);
  return whole;
}
