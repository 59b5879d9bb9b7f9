import { describe, expect, test } from "vitest";
import { planFixes } from "../../src/fixes/index.ts";
import { createRandom } from "../support/random.ts";
import { corpusCompare, playDocument, playStream, sharedCorpus, streamBytes, type CorpusCase } from "../support/corpus.ts";

const plan = planFixes({ enabled: true, modules: {} });
const cases = sharedCorpus();
const streams = cases.filter(({ kind }) => kind === "stream");
const messages = cases.filter(({ kind }) => kind === "message");

function cutsOf(bytes: Buffer): (readonly number[])[] {
  const random = createRandom(bytes.length);
  const everywhere = Array.from({ length: bytes.length }, (_, i) => i);
  return [[], everywhere, ...Array.from({ length: 20 }, () => Array.from({ length: 8 }, () => Math.floor(random() * bytes.length)))];
}

async function verdict(of: CorpusCase, sent: Buffer, before: Buffer, notes: readonly any[]): Promise<string | null> {
  const { compare, decodeWire } = await corpusCompare();
  if (of.must_not_touch) return sent.equals(before) ? null : "bytes changed";
  if (of.kind === "message") return compare(of, JSON.parse(sent.toString()));
  const payloads = decodeWire([{ raw_base64: sent.toString("base64") }]);
  return of.expected["refuse"] && !of.expected["error_surfaced"] && notes.some(({ action }) => action === "refused")
    ? null
    : compare(of, payloads);
}

describe.skipIf(cases.length === 0)("shared corpus", () => {
  test.each(streams.map((of) => [of.id, of] as const))("stream %s, at every chunking", async (_id, of) => {
    const bytes = streamBytes(of);
    const whole = playStream(plan, of, bytes);
    expect(await verdict(of, whole.sent, bytes, whole.notes)).toBeNull();
    for (const cuts of cutsOf(bytes)) expect(playStream(plan, of, bytes, cuts).sent.equals(whole.sent)).toBe(true);
  });

  test.each(messages.map((of) => [of.id, of] as const))("message %s", async (_id, of) => {
    const { sent, before, notes } = playDocument(plan, of);
    expect(await verdict(of, sent, before, notes)).toBeNull();
  });
});
