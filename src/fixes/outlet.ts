/**
 * Frames on their way out, in the order they came.
 *
 * A frame whose deltas come out of the stages as they went in goes out as its own bytes, also when
 * they come out late: it waits until all of them have. Only a frame whose deltas were changed is
 * written anew.
 */
import type { Delta, RequestView } from "../core/delta.ts";
import type { Dialect, Message } from "../dialects/dialect.ts";
import type { Frame } from "../wire/frame.ts";
import { parseExact } from "../wire/json.ts";

export interface Outlet {
  /** A frame without a message in it: a comment, a blank line. */
  plain(frame: Frame): readonly Uint8Array[];
  /**
   * `read`: the message as payload rules left it, `message` itself when they did not touch it.
   * `deltas`: what it says; `out`: what the stages said when they were given that, `deltas` itself
   * when it is the same. `held`: the stages hold something back.
   */
  relay(message: Message, read: Message, deltas: readonly Delta[], out: readonly Delta[], held: boolean): readonly Uint8Array[];
  /** Everything that waits, and what the stages said last. */
  end(out: readonly Delta[]): readonly Uint8Array[];
}

/** More frames than this do not wait for one another. */
const MAX_WAITING = 4096;

interface Waiting {
  readonly frame: Frame;
  /** Undefined: nothing is read in this frame. */
  readonly read: Message | undefined;
  readonly touched: boolean;
  readonly deltas: readonly Delta[];
}

export function createOutlet(dialect: Dialect, request: RequestView): Outlet {
  // Reads every message a second time, when it goes out: the writer's books follow the client's view.
  const codec = dialect.codec(request);
  const waiting: Waiting[] = [];
  /** Said by the stages and not yet sent. */
  let said: Delta[] = [];
  let last: Message | undefined;

  function send({ frame, read, touched, deltas }: Waiting, out: readonly Delta[]): readonly Uint8Array[] {
    if (!read) return [frame.raw];
    last = read;
    const own = codec.read(read);
    const same = out.length === deltas.length && out.every((delta, i) => delta === deltas[i]);
    if (same && !touched && !codec.dirty) return [frame.raw];
    // Only now is it worth reading the numbers exactly: the frame is written anew.
    const exact: Message = touched ? read : { frame, payload: reparse(frame.data) };
    return codec.write(exact, same ? own : out).map((written) => written.raw);
  }

  /** How many of the frame's deltas stand at the front of what was said. */
  function matched({ deltas }: Waiting): number {
    let count = 0;
    while (count < deltas.length && said[count] === deltas[count]) count += 1;
    return count;
  }

  function take(entry: Waiting, count: number): readonly Uint8Array[] {
    waiting.shift();
    const out = said.slice(0, count);
    said = said.slice(count);
    return send(entry, out);
  }

  return {
    plain(frame) {
      if (waiting.length === 0) return [frame.raw];
      waiting.push({ frame, read: undefined, touched: false, deltas: [] });
      return [];
    },

    relay(message, read, deltas, out, held) {
      const entry: Waiting = { frame: message.frame, read, touched: read !== message, deltas };
      if (waiting.length === 0 && out === deltas) return send(entry, deltas);
      waiting.push(entry);
      said.push(...out);
      const sent: Uint8Array[] = [];
      for (let first = waiting[0]; first; first = waiting[0]) {
        const count = matched(first);
        const whole = count === first.deltas.length;
        // What is said beyond the last frame's deltas has to go out with it.
        if (whole && (waiting.length > 1 || said.length === count)) {
          sent.push(...take(first, count));
          continue;
        }
        if (!whole && count === said.length && held && waiting.length <= MAX_WAITING) break;
        sent.push(...take(first, waiting.length > 1 ? count : said.length));
      }
      return sent;
    },

    end(out) {
      said.push(...out);
      const sent: Uint8Array[] = [];
      for (let first = waiting[0]; first; first = waiting[0]) sent.push(...take(first, matched(first)));
      const rest = said;
      said = [];
      if (rest.length > 0) sent.push(...codec.append(last, rest).map((frame) => frame.raw));
      return sent;
    },
  };
}

function reparse(data: string | undefined): unknown {
  try {
    return data === undefined ? undefined : parseExact(data);
  } catch {
    return undefined;
  }
}
