import { z } from "zod";
import { makeFrame, type Frame } from "../../wire/frame.ts";
import { isObject, parseOrUndefined } from "../../wire/json.ts";
import { defineFrameFix, type FixContext, type FrameRule, snippet } from "../fix.ts";
import { unendedData } from "./unended.ts";

/** More glued pieces than this in one frame are not looked at. */
const MAX_PIECES = 32;

/** Frames that a strict event-stream reader drops or cannot parse, but whose message is all there. */
export const sseFraming = defineFrameFix({
  name: "sse_framing",
  summary: "Event frames that readers drop are put right: no blank line at the end, `error:` lines, frames glued together",
  defaultMode: "fix",
  holds: "nothing",
  example: { before: 'error: {"code":400,…}', after: 'data: {"error":{"code":400,…}}' },
  source: "coddy-project/coddy-agent#106 (llama.cpp b5966), anomalyco/opencode#8431 (glued), darshi1337/apogee#139 (no blank line)",
  options: z.strictObject({}),
  start: (context) => (context.dialect.tools ? new SseFraming(context) : undefined),
});

class SseFraming implements FrameRule {
  readonly #context: FixContext;

  constructor(context: FixContext) {
    this.#context = context;
  }

  onOddFrame(frame: Frame, ended: boolean): readonly Frame[] | undefined {
    const before = snippet(textOf(frame));
    const whole = ended ? unendedData(frame) : undefined;
    if (whole) {
      this.#context.note({ action: "fixed", target: "frame", rule: "no-blank-line", before });
      return [whole];
    }
    const made = frame.data === undefined ? fromFields(textOf(frame)) : unglue(frame, frame.data);
    if (!made) return undefined;
    const lost = made.lost === "" ? {} : { reason: `lost: ${snippet(made.lost)}` };
    this.#context.note({ action: "fixed", target: "frame", rule: made.rule, before, ...lost });
    return made.frames;
  }
}

interface Made {
  readonly rule: string;
  readonly frames: readonly Frame[];
  /** Text that no message could be made of. */
  readonly lost: string;
}

function textOf(frame: Frame): string {
  return new TextDecoder().decode(frame.raw);
}

/** A frame without data: an `error:` field, or JSON without any field name. */
function fromFields(text: string): Made | undefined {
  const line = text.split(/[\r\n]+/u).find((candidate) => candidate !== "" && !candidate.startsWith(":"));
  if (line === undefined) return undefined;
  if (line.startsWith("error:")) {
    const value = line.slice("error:".length).trim();
    const error = parseOrUndefined(value);
    const body = isObject(error) ? value : JSON.stringify({ message: value });
    return { rule: "error-field", frames: [makeFrame(`{"error":${body}}`)], lost: "" };
  }
  const bare = text.trim();
  return isObject(parseOrUndefined(bare)) ? { rule: "no-field-name", frames: [makeFrame(bare)], lost: "" } : undefined;
}

/**
 * Messages laid end to end in one frame, each behind its own `data:` or on its own line. A piece that
 * does not parse alone may have been cut inside a string that holds such a mark: it is tried together
 * with the next ones. A head that stays unreadable is the part that was lost on the wire.
 */
function unglue(frame: Frame, data: string): Made | undefined {
  const pieces = data.split(/(?=data: ?(?:\{|\[DONE\]))|\n/u);
  if (pieces.length < 2 && !data.startsWith("data:")) return undefined;
  if (pieces.length > MAX_PIECES) return undefined;
  const frames: Frame[] = [];
  let lost = "";
  for (let from = 0; from < pieces.length;) {
    let to = from + 1;
    let found: string | undefined;
    for (; to <= pieces.length && found === undefined; to++) {
      const joined = pieces
        .slice(from, to)
        .join("")
        .replace(/^data: ?/u, "")
        .trim();
      if (joined === "[DONE]" || isObject(parseOrUndefined(joined))) found = joined;
    }
    if (found === undefined) {
      lost += pieces[from];
      from += 1;
    } else {
      frames.push(makeFrame(found, frame.event));
      from = to - 1;
    }
  }
  return frames.length > 0 ? { rule: "glued", frames, lost } : undefined;
}
