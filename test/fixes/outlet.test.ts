import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Delta } from "../../src/core/delta.ts";
import { openaiChat } from "../../src/dialects/openai-chat.ts";
import { createOutlet } from "../../src/fixes/outlet.ts";
import { createFrameReader, type Frame } from "../../src/wire/frame.ts";
import { foldChat } from "../support/fold.ts";
import { createRandom } from "../support/random.ts";

const request = openaiChat.readRequest({});
const frameReader = createFrameReader();

function frameOf(content: string, finish: string | null = null): Frame {
  const chunk = { id: "c-1", choices: [{ index: 0, delta: content === "" ? {} : { content }, finish_reason: finish }] };
  // A spelling of our own, so that a frame written anew is not taken for the frame itself.
  return frameReader.read(Buffer.from(`data: ${JSON.stringify(chunk).replace("{", "{ ")}\n\n`));
}

type Stage = (delta: Delta) => { out: readonly Delta[]; held: number };

/** Frames through an outlet, with a stage between that is told every delta. */
function sentThrough(frames: readonly Frame[], stage: Stage, last: readonly Delta[] = []): { steps: Buffer[]; body: Buffer } {
  const codec = openaiChat.codec(request);
  const outlet = createOutlet(openaiChat, request);
  const steps = frames.map((frame) => {
    // Pings go past the outlet (pipeline.test.ts).
    if (frame.data === undefined) return Buffer.from(frame.raw);
    const message = { frame, payload: JSON.parse(frame.data) as unknown };
    const deltas = codec.read(message);
    const results = deltas.map(stage);
    const out = results.flatMap((result) => result.out);
    const same = out.length === deltas.length && out.every((delta, i) => delta === deltas[i]);
    return Buffer.concat(outlet.relay(message, message, deltas, same ? deltas : out, results.at(-1)?.held ?? 0));
  });
  steps.push(Buffer.concat(outlet.end(last)));
  return { steps, body: Buffer.concat(frames.map(({ raw }) => raw)) };
}

/** Holds text and lets it go again in pieces of its own, unchanged. */
function recutting(seed: number): Stage {
  const random = createRandom(seed);
  let held = "";
  return (delta) => {
    if (delta.kind !== "text") {
      const rest = held;
      held = "";
      return { out: rest === "" ? [delta] : [{ kind: "text", choice: 0, text: rest }, delta], held: 0 };
    }
    held += delta.text;
    const out: Delta[] = [];
    while (held !== "" && random() < 0.6) {
      const length = 1 + Math.floor(random() * held.length);
      out.push({ kind: "text", choice: 0, text: held.slice(0, length) });
      held = held.slice(length);
    }
    return { out, held: Math.min(held.length, 32) };
  };
}

describe("text that is only cut elsewhere", () => {
  test("leaves every frame its own bytes", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1, maxLength: 6 }), { maxLength: 12 }), fc.integer(), (texts, seed) => {
        const { steps, body } = sentThrough([...texts.map((text) => frameOf(text)), frameOf("", "stop")], recutting(seed));
        expect(Buffer.concat(steps).equals(body)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe("text that is changed", () => {
  test("goes out in order, written anew, and the rest keeps its bytes", () => {
    const frames = [frameOf("one "), frameOf("two "), frameOf("three"), frameOf("", "stop")];
    const { steps } = sentThrough(frames, (delta) => ({
      out: delta.kind === "text" && delta.text === "two " ? [{ ...delta, text: "2 " }] : [delta],
      held: 0,
    }));
    expect(foldChat(Buffer.concat(steps))).toMatchObject({ content: "one 2 three", finish: "stop", faults: [] });
    expect(steps[0]?.equals(frames[0]?.raw ?? Buffer.alloc(0))).toBe(true);
    expect(steps[2]?.equals(frames[2]?.raw ?? Buffer.alloc(0))).toBe(true);
  });

  test("text before a marker does not wait for what is behind it", () => {
    let held = 0;
    const stage: Stage = (delta) => {
      if (delta.kind !== "text") return { out: [delta], held };
      const at = delta.text.indexOf("<");
      held += delta.text.length - Math.max(at, 0);
      return { out: at > 0 ? [{ ...delta, text: delta.text.slice(0, at) }] : [], held };
    };
    const block = Array.from({ length: 8 }, () => frameOf("<markup"));
    const { steps } = sentThrough([frameOf("Look: <markup"), ...block], stage);
    const when = steps.findIndex((step) => step.length > 0);
    expect(foldChat(steps[when] ?? Buffer.alloc(0)).content).toBe("Look: ");
    expect(when).toBeLessThan(6);
  });

  test("what the stages say at the end is sent behind what waits", () => {
    const frames = [frameOf("a"), frameOf("b")];
    const { steps } = sentThrough(frames, () => ({ out: [], held: 5 }), [{ kind: "text", choice: 0, text: "abc" }]);
    expect(foldChat(Buffer.concat(steps)).content).toBe("abc");
  });
});
