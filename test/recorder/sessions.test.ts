import { describe, expect, test } from "vitest";
import { openReader, type SessionRow } from "../../src/recorder/reader.ts";
import { createRecorder } from "../../src/recorder/recorder.ts";
import type { Usage } from "../../src/core/delta.ts";
import { bytes, chat, endOf, play, startOf, temporary, viewOf } from "./support.ts";

const T0 = 1_800_000_000_000;
let turn = 0;

interface Turn {
  readonly id: string;
  readonly messages?: readonly string[];
  readonly session?: string;
  readonly conversation?: string;
  readonly usage?: Usage;
}

async function sessionsOf(turns: readonly Turn[]): Promise<{ sessions: SessionRow[]; byId: Record<string, string | undefined> }> {
  using folder = temporary();
  {
    await using recorder = createRecorder({ path: folder.file() });
    for (const { id, messages, session, conversation, usage } of turns) {
      turn += 1;
      const end = endOf();
      play(
        recorder,
        chat(id, {
          start: startOf(id, { at: T0 + turn * 1000, session }),
          view: viewOf({ conversation }),
          body: bytes(JSON.stringify({ messages: messages?.map((content) => ({ content })), prompt: messages ? undefined : "p" })),
          end: usage ? { ...end, summary: { ...end.summary, usage } } : end,
        }),
      );
    }
  }
  using reader = openReader(folder.file());
  return {
    sessions: reader.sessions(),
    byId: Object.fromEntries(reader.list({ limit: 100 }).map(({ id, session }) => [id, session])),
  };
}

describe("which session an exchange belongs to", () => {
  test("the header's, else the body's, else the conversation that its messages extend", async () => {
    const { byId, sessions } = await sessionsOf([
      { id: "01A", messages: ["s", "u1"], session: "ses-1", conversation: "conv-1" },
      { id: "01B", messages: ["s", "u1"], conversation: "conv-1" },
      { id: "01C", messages: ["s", "u1"] },
      { id: "01D", messages: ["s", "u1", "a1", "u2"] },
      { id: "01E", messages: ["s", "other"] },
      { id: "01F", messages: ["s", "u1", "a1", "u2", "a2", "u3"] },
      { id: "01G", messages: ["s", "u1", "changed", "u2"] },
      { id: "01H" },
    ]);
    expect(byId).toEqual({
      "01A": "ses-1",
      "01B": "conv-1",
      "01C": "01C",
      "01D": "01C",
      "01E": "01E",
      "01F": "01C",
      "01G": "01C",
      "01H": undefined,
    });
    expect(sessions.map(({ session, source, turns }) => [session, source, turns])).toEqual([
      ["01C", "lineage", 4],
      ["01E", "lineage", 1],
      ["conv-1", "body", 1],
      ["ses-1", "header", 1],
    ]);
  });

  test("across a restart", async () => {
    using folder = temporary();
    for (const [id, messages] of [
      ["01A", ["u1"]],
      ["01B", ["u1", "a1", "u2"]],
    ] as const) {
      await using recorder = createRecorder({ path: folder.file() });
      play(recorder, chat(id, { start: startOf(id), body: bytes(JSON.stringify({ messages })) }));
    }
    using reader = openReader(folder.file());
    expect(reader.list({ session: "01A" })).toHaveLength(2);
  });
});

test("what a session cost: cache reuse, and what was processed again though it had been there", async () => {
  const { sessions } = await sessionsOf([
    { id: "01A", session: "s", usage: { promptTokens: 1000, completionTokens: 100, cachedTokens: 0 } },
    // 1100 tokens were there, 1000 of them found.
    { id: "01B", session: "s", usage: { promptTokens: 1300, completionTokens: 50, cachedTokens: 1000 } },
    // Cache lost: of 1350 tokens all again.
    { id: "01C", session: "s", usage: { promptTokens: 1500, completionTokens: 50, cachedTokens: 0 } },
  ]);
  // Prompt speed is 2000 tokens a second (40 in 20 ms).
  expect(sessions).toMatchObject([
    {
      session: "s",
      client: "test",
      model: "qwen3-coder",
      turns: 3,
      errors: 0,
      promptTokens: 3800,
      completionTokens: 200,
      cachedTokens: 1000,
      reprocessedTokens: 1450,
      reprocessedMs: 725,
    },
  ]);
  expect(sessions[0]?.cacheReuse).toBeCloseTo(1000 / 3800);
});
