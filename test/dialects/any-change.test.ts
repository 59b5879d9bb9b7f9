import fc from "fast-check";
import { expect, test } from "vitest";
import type { Delta } from "../../src/core/delta.ts";
import { dialectFor } from "../../src/dialects/index.ts";
import { foldChat, foldMessages, foldResponses, type Folded } from "../support/fold.ts";
import { createRandom } from "../support/random.ts";
import { exchangeOf, requestPath, responseBody } from "../support/recordings.ts";
import { joined, readStream, rewriteStream } from "../support/rewrite.ts";

const FOLDS: Record<string, (body: Uint8Array) => Folded> = {
  "openai.chat_completions": (body) => foldChat(body),
  "anthropic.messages": foldMessages,
  "openai.responses": foldResponses,
};

const NAMES = [
  "chat-hello-stream",
  "tool-text-then-two-stream",
  "reasoning-tool-stream",
  "hermes-think-two-stream",
  "anthropic-hello-stream",
  "anthropic-tool-stream",
  "anthropic-duplicate-param-stream",
  "responses-hello-stream",
  "responses-text-two-tools-stream",
  "responses-reasoning-tool-stream",
];

/**
 * A stage that does anything the contract allows: holds and releases, drops text, cuts pieces, takes
 * calls away, makes calls of its own. What a client must see is kept beside it, delta by delta.
 */
function wildStage(seed: number): { change: (deltas: readonly Delta[]) => readonly Delta[]; said: Delta[] } {
  const random = createRandom(seed);
  const said: Delta[] = [];
  const dropped = new Set<number>();
  let held: Delta[] = [];
  let made = 100;

  function ownCall(): Delta[] {
    const tool = made++;
    return [
      { kind: "tool-open", choice: 0, tool, id: `call_${tool}`, name: "made" },
      { kind: "tool-args", choice: 0, tool, text: '{"n":' },
      { kind: "tool-args", choice: 0, tool, text: `${tool}}` },
      { kind: "tool-close", choice: 0, tool },
    ];
  }
  function act(delta: Delta): Delta[] {
    if (delta.kind === "tool-open" && random() < 0.2) dropped.add(delta.tool);
    if ("tool" in delta && dropped.has(delta.tool)) return [];
    if (delta.kind === "finish" || delta.kind === "tool-close" || delta.kind === "done") {
      const out = [...held, ...(delta.kind === "finish" && random() < 0.5 ? ownCall() : []), delta];
      held = [];
      return out;
    }
    if (delta.kind !== "text" && delta.kind !== "reasoning" && delta.kind !== "tool-args") return [...take(), delta];
    const roll = random();
    if (roll < 0.1) return [...take(), { ...delta, text: `${delta.text}+` }];
    if (roll < 0.15 && delta.kind === "text") return [];
    if (roll < 0.2 && delta.kind === "text") return [...take(), ...ownCall(), delta];
    if (roll < 0.4 || held.length > 0) {
      held.push(delta);
      return random() < 0.3 ? take() : [];
    }
    return [delta];
  }
  function take(): Delta[] {
    const out = held;
    held = [];
    return out;
  }
  return {
    said,
    change(deltas) {
      const out = deltas.flatMap(act);
      said.push(...out);
      return out.length === deltas.length && out.every((delta, i) => delta === deltas[i]) ? deltas : out;
    },
  };
}

/** What the deltas come to, call by call. */
function foldDeltas(deltas: readonly Delta[]): Pick<Folded, "content" | "reasoning" | "calls"> {
  const calls = new Map<number, Folded["calls"][number]>();
  let [content, reasoning] = ["", ""];
  for (const delta of deltas) {
    if (delta.kind === "text") content += delta.text;
    else if (delta.kind === "reasoning") reasoning += delta.text;
    else if (delta.kind === "tool-open") calls.set(delta.tool, { id: delta.id, name: delta.name, arguments: "" });
    else if (delta.kind === "tool-args") {
      const call = calls.get(delta.tool);
      if (call) call.arguments += delta.text;
    }
  }
  return { content, reasoning, calls: [...calls.values()] };
}

test.each(NAMES)("%s: whatever a stage does, a client reads what was meant", (name) => {
  const exchange = exchangeOf(name);
  const dialect = dialectFor("POST", requestPath(exchange));
  const fold = FOLDS[dialect?.name ?? ""];
  if (!dialect || !fold) throw new Error(`no dialect for ${name}`);
  const body = responseBody(exchange);
  const before = fold(body);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0x7fffffff }), (seed) => {
      const stage = wildStage(seed);
      const sent = rewriteStream(dialect, body, stage.change);
      const { faults, content, reasoning, calls, finish, done } = fold(sent);
      expect(faults).toEqual([]);
      expect({ content, reasoning, calls }).toEqual(foldDeltas(stage.said));
      expect([finish, done]).toEqual([before.finish, before.done]);
      // And the dialect's own reader agrees with the client.
      expect(foldDeltas(joined(readStream(dialect, sent)))).toEqual(foldDeltas(stage.said));
    }),
    { numRuns: 150 },
  );
});
