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
  /**
   * `read`: the message as payload rules left it, `message` itself when they did not touch it.
   * `deltas`: what it says; `out`: what the stages said when they were given that, `deltas` itself
   * when it is the same. `held`: characters the stages hold back.
   */
  relay(message: Message, read: Message, deltas: readonly Delta[], out: readonly Delta[], held: number): readonly Uint8Array[];
  /** Frames wait, or every later one is written anew. */
  rewrites(): boolean;
  /** Everything that waits, and what the stages said last. */
  end(out: readonly Delta[]): readonly Uint8Array[];
}

/** More frames than this do not wait for one another. */
const MAX_WAITING = 4096;
/**
 * A frame that has said a part of its text waits for the rest while no more than this is held: the
 * beginning of a marker (32 characters at most) is soon let go. Behind a real marker it does not wait.
 */
const MAX_HELD_PART = 32;

interface Waiting {
  readonly frame: Frame;
  readonly read: Message;
  readonly touched: boolean;
  readonly deltas: readonly Delta[];
}

export function createOutlet(dialect: Dialect, request: RequestView): Outlet {
  // Reads every message a second time, when it goes out: the writer's books follow the client's view.
  const codec = dialect.codec(request);
  const waiting: Waiting[] = [];
  /** Said by the stages and not yet sent. */
  let said: readonly Delta[] = [];
  let last: Message | undefined;

  function send({ frame, read, touched, deltas }: Waiting, out: readonly Delta[]): readonly Uint8Array[] {
    last = read;
    const own = codec.read(read);
    const same = out === deltas;
    if (same && !touched && !codec.dirty()) return [frame.raw];
    // Only now is it worth reading the numbers exactly: the frame is written anew.
    const exact: Message = touched ? read : { frame, payload: reparse(frame.data) };
    return codec.write(exact, same ? own : out).map((written) => written.raw);
  }

  function take(entry: Waiting, out: readonly Delta[], rest: readonly Delta[]): readonly Uint8Array[] {
    waiting.shift();
    said = rest;
    return send(entry, out);
  }

  return {
    relay(message, read, deltas, out, held) {
      const entry: Waiting = { frame: message.frame, read, touched: read !== message, deltas };
      if (waiting.length === 0 && out === deltas) return send(entry, deltas);
      waiting.push(entry);
      said = [...said, ...out];
      const sent: Uint8Array[] = [];
      for (let first = waiting[0]; first; first = waiting[0]) {
        const match = matchDeltas(first.deltas, said);
        const isLast = waiting.length === 1;
        // What is said beyond the last frame's deltas has to go out with it.
        if (match.whole && (!isLast || match.rest.length === 0)) {
          sent.push(...take(first, first.deltas, match.rest));
          continue;
        }
        const isPart = match.rest.length === 0 && held > 0;
        if (isPart && (match.used === 0 || held <= MAX_HELD_PART) && waiting.length <= MAX_WAITING) break;
        const used = isLast ? said.length : match.used;
        sent.push(...take(first, said.slice(0, used), said.slice(used)));
      }
      return sent;
    },

    rewrites: () => waiting.length > 0 || codec.dirty(),

    end(out) {
      said = [...said, ...out];
      const sent: Uint8Array[] = [];
      for (let first = waiting[0]; first; first = waiting[0]) {
        const match = matchDeltas(first.deltas, said);
        if (match.whole) sent.push(...take(first, first.deltas, match.rest));
        else sent.push(...take(first, said.slice(0, match.used), said.slice(match.used)));
      }
      const rest = said;
      said = [];
      if (rest.length > 0) sent.push(...codec.append(last, rest).map((frame) => frame.raw));
      return sent;
    },
  };
}

interface Match {
  /** All of the frame's deltas stand at the front of what was said. */
  readonly whole: boolean;
  /** What was said behind that. Not empty, where it is not whole: something else was said. */
  readonly rest: readonly Delta[];
  /** How many of the deltas said were wholly used. */
  readonly used: number;
}

/** Whether `said` begins with what a frame says. How texts are cut into pieces makes no difference. */
function matchDeltas(deltas: readonly Delta[], said: readonly Delta[]): Match {
  let used = 0;
  /** Characters of `said[used]` that are used. */
  let within = 0;
  for (const delta of deltas) {
    if (!("text" in delta)) {
      if (within > 0 || said[used] !== delta) return { whole: false, rest: said.slice(used), used };
      used += 1;
      continue;
    }
    let wanted = delta.text;
    while (wanted !== "") {
      const next = said[used];
      if (!next) return { whole: false, rest: [], used };
      if (!("text" in next) || !samePlace(next, delta)) return { whole: false, rest: said.slice(used), used };
      const text = next.text.slice(within);
      if (text.startsWith(wanted)) {
        within += wanted.length;
        wanted = "";
      } else if (wanted.startsWith(text)) {
        wanted = wanted.slice(text.length);
        within = next.text.length;
      } else return { whole: false, rest: said.slice(used), used };
      if (within < next.text.length) continue;
      used += 1;
      within = 0;
    }
  }
  const cut = said[used];
  if (within === 0 || !cut || !("text" in cut)) return { whole: true, rest: said.slice(used), used };
  return { whole: true, rest: [{ ...cut, text: cut.text.slice(within) }, ...said.slice(used + 1)], used };
}

type Piece = Extract<Delta, { text: string }>;

function samePlace(a: Piece, b: Piece): boolean {
  return a.kind === b.kind && a.choice === b.choice && (a.kind !== "tool-args" || (b.kind === "tool-args" && a.tool === b.tool));
}

function reparse(data: string | undefined): unknown {
  try {
    return data === undefined ? undefined : parseExact(data);
  } catch {
    return undefined;
  }
}
