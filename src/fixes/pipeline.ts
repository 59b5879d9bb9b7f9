/**
 * The heart: bytes of an event stream in, bytes out, and what happened on the way.
 *
 *   chunk → framer → frame → message → payload rules → reader → deltas → stages → writer → bytes
 *
 * A frame that nothing changes goes out as its own bytes. The pipeline never throws, never waits
 * and knows no clock: the sidecar and replay run this same function.
 */
import type { Delta, RequestView } from "../core/delta.ts";
import type { FixNote, Step } from "../core/exchange.ts";
import type { Dialect, Message } from "../dialects/dialect.ts";
import { createFramer } from "../wire/framer.ts";
import { createFrameReader, type Frame } from "../wire/frame.ts";
import { parseOrUndefined } from "../wire/json.ts";
import type { FixPlan, Said } from "./fix.ts";
import { createLane, createNotes, type Lane } from "./lane.ts";
import { createOutlet } from "./outlet.ts";
import type { Wakes } from "./wakes.ts";

export interface StreamPipeline {
  push(chunk: Uint8Array): readonly Step[];
  /**
   * The body is over. `cut`: the backend broke off. What fixes hold is released either way; an
   * unfinished last frame goes out only when the backend ended there itself, so that an error
   * frame can follow a cut one without being glued to half a line.
   */
  end(cut?: boolean): readonly Step[];
  notes(): readonly FixNote[];
  /** Whole frames were given, and all of them are read: the next byte begins one. */
  between(): boolean;
  /** No fix that could change anything. */
  readonly idle: boolean;
  /** Fixes that only observe see every frame too. They are not asked for what wakes them. */
  readonly observed: boolean;
  /** As `PipelineLimits.frameBytes`. */
  readonly frameBytes: number;
  /** As `Lane.wakes`. Undefined also where frames are written anew whatever they say. */
  wakes(delta: Said): Wakes | undefined;
  /** Frames that had to wait, wholly or in part, since a fix was at work on them. 0 on a clean stream. */
  framesHeld(): number;
}

export interface PipelineLimits {
  /** A frame above this many bytes makes the rest of the stream pass unread. */
  readonly frameBytes: number;
}

export const DEFAULT_PIPELINE_LIMITS: PipelineLimits = { frameBytes: 16 * 1024 * 1024 };

export function createStreamPipeline(
  plan: FixPlan,
  dialect: Dialect,
  request: RequestView,
  limits: PipelineLimits = DEFAULT_PIPELINE_LIMITS,
): StreamPipeline {
  const framer = createFramer();
  const frames = createFrameReader();
  const notes = createNotes();
  const codec = dialect.codec(request);
  const outlet = createOutlet(dialect, request);
  const lane = createLane(
    plan.filter((entry) => entry.mode === "fix"),
    dialect,
    request,
    notes.by,
  );
  const shadow = createShadow(plan, dialect, request);
  /** A reader or writer broke: frames are still cut, but pass as they are. */
  let unread = false;
  /** A frame above the limit: not even cut any more. */
  let uncut = false;
  let framesHeld = 0;
  const tooLarge = `a frame above ${limits.frameBytes} bytes: the rest of the stream passes unread`;

  function step(raw: Uint8Array, ended: boolean): Step {
    const frame = frames.read(raw);
    shadow?.see(frame, ended);
    const message = messageOf(frame);
    const mended = isOdd(message, ended) ? lane.oddFrame(frame, ended) : undefined;
    if (!mended) return relay(message);
    const steps = mended.map((made) => relay(made === frame ? message : messageOf(made)));
    return {
      frame,
      deltas: steps.flatMap((made) => made.deltas),
      out: steps.flatMap((made) => made.out),
      sent: steps.flatMap((made) => made.sent),
    };
  }

  function relay(message: Message): Step {
    const { frame } = message;
    // Comments are pings: they keep a client waiting and say nothing, so they go ahead of what is held.
    if (frame.data === undefined) return passThrough(frame, [frame.raw]);
    if (lane.idle) {
      // With nothing that could change it, a frame is read once and needs no writer.
      const said = codec.read(message);
      return { frame, deltas: said, out: said, sent: [frame.raw] };
    }
    const read = lane.payload(message);
    if (read === undefined) return passThrough(frame, []);
    const deltas = codec.read(read);
    const out = lane.run(deltas);
    const held = lane.held;
    if (held > 0) framesHeld += 1;
    const payload = lane.dress(read.payload);
    const dressed = payload === read.payload ? read : { frame, payload };
    return { frame, deltas, out, sent: outlet.relay(message, dressed, deltas, out, held) };
  }

  /** `step`, or the frame's own bytes if a reader or writer breaks on it; from then on nothing is read. */
  function guardedStep(raw: Uint8Array, ended = false): Step {
    if (unread) return passThrough(unreadFrame(raw), [raw]);
    if (raw.length > limits.frameBytes) return passThrough(unreadFrame(raw), [...stopReading(tooLarge), raw]);
    try {
      return step(raw, ended);
    } catch (cause) {
      return passThrough(unreadFrame(raw), [...stopReading(`gave up reading: ${String(cause)}`), raw]);
    }
  }

  /** The rest of the stream passes unread. Returns what the stages still held, as bytes. */
  function stopReading(reason: string): readonly Uint8Array[] {
    unread = true;
    notes.by("pipeline", "fix")({ action: "skipped", target: "frame", reason });
    try {
      return outlet.end(lane.release());
    } catch {
      return [];
    }
  }

  return {
    notes: () => (shadow ? [...notes.list, ...shadow.notes()] : notes.list),
    between: () => framer.between && !uncut,
    idle: lane.idle,
    observed: shadow !== undefined,
    frameBytes: limits.frameBytes,
    wakes: (delta) => (unread || outlet.rewrites() ? undefined : lane.wakes(delta)),
    framesHeld: () => framesHeld,
    push(chunk) {
      if (uncut) return [passThrough(unreadFrame(chunk), [chunk])];
      const steps: Step[] = [];
      for (const raw of framer.push(chunk)) steps.push(guardedStep(raw));
      if (framer.held > limits.frameBytes) {
        uncut = true;
        const released = unread ? [] : stopReading(tooLarge);
        const rest = framer.end();
        steps.push(passThrough(unreadFrame(rest), [...released, rest]));
      }
      return steps;
    },
    end(cut = false) {
      const steps: Step[] = [];
      const rest = framer.end();
      if (rest.length > 0) steps.push(cut ? passThrough(unreadFrame(rest), []) : guardedStep(rest, true));
      if (unread) return steps;
      shadow?.end(cut);
      let out: readonly Delta[] = [];
      let sent: readonly Uint8Array[] = [];
      try {
        out = lane.end(cut);
        sent = outlet.end(out);
      } catch (cause) {
        sent = stopReading(`gave up at the end: ${String(cause)}`);
      }
      if (sent.length > 0) steps.push({ frame: unreadFrame(new Uint8Array(0)), deltas: [], out, sent });
      return steps;
    },
  };
}

function passThrough(frame: Frame, sent: readonly Uint8Array[]): Step {
  return { frame, deltas: NOTHING, out: NOTHING, sent };
}

const NOTHING: readonly Delta[] = [];

/** Bytes that are relayed without being read. */
function unreadFrame(raw: Uint8Array): Frame {
  return { raw, event: undefined, data: undefined };
}

function messageOf(frame: Frame): Message {
  return { frame, payload: frame.data === undefined ? undefined : parseOrUndefined(frame.data) };
}

const COLON = 58;

/** Whether a frame is not plainly one message. Comments (pings) and blank lines are plain. */
function isOdd({ frame, payload }: Message, ended: boolean): boolean {
  if (ended) return true;
  if (frame.data === undefined) return frame.raw.length > 2 && frame.raw[0] !== COLON;
  return (payload === undefined && frame.data !== "[DONE]") || frame.data.includes("\uFFFD");
}

/** A second lane that also runs what only observes. Its output goes nowhere; its notes are kept. */
function createShadow(plan: FixPlan, dialect: Dialect, request: RequestView): Shadow | undefined {
  const observed = new Set(plan.filter((entry) => entry.mode === "observe").map((entry) => entry.fix.name));
  if (observed.size === 0) return undefined;
  const notes = createNotes();
  const lane: Lane = createLane(plan, dialect, request, notes.by);
  const codec = dialect.codec(request);
  return {
    see(frame, ended) {
      const odd = isOdd(messageOf(frame), ended) ? lane.oddFrame(frame, ended) : undefined;
      for (const seen of odd ?? [frame]) {
        const read = seen.data === undefined ? undefined : lane.payload(messageOf(seen));
        if (!read) continue;
        lane.run(codec.read(read));
        lane.dress(read.payload);
      }
    },
    end: (cut) => void lane.end(cut),
    notes: () => notes.list.filter((note) => observed.has(note.fix)),
  };
}

interface Shadow {
  see(frame: Frame, ended: boolean): void;
  end(cut: boolean): void;
  notes(): readonly FixNote[];
}
