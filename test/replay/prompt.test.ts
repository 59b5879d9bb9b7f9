import { assert, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { diffPrompts } from "../../src/replay/prompt-diff.ts";
import { promptOf } from "../../src/replay/prompt.ts";
import { maskVolatile, volatileSpans } from "../../src/replay/volatile.ts";

const names = (body: unknown): string[] => promptOf(body).map((part) => part.name);

describe("a prompt's parts", () => {
  test("in the order that templates render them, in every API", () => {
    const chat = {
      tools: [{ type: "function", function: { name: "bash" } }],
      messages: [
        { role: "system", content: "s" },
        { role: "user", content: "u" },
        { role: "system", content: "late" },
      ],
      chat_template_kwargs: { a: 1 },
    };
    expect(names(chat)).toEqual([
      "chat_template_kwargs",
      "messages[0] (system)",
      "tools[0] bash",
      "messages[1] (user)",
      "messages[2] (system)",
    ]);
    const messages = { system: [{ type: "text", text: "s" }], tools: [{ name: "t" }], messages: [{ role: "user", content: "u" }] };
    expect(names(messages)).toEqual(["system", "tools[0] t", "messages[0] (user)"]);
    const responses = {
      instructions: "i",
      input: [
        { type: "message", role: "user", content: [{ type: "input_text", text: "u" }] },
        { type: "function_call", name: "f", arguments: "{}" },
      ],
    };
    expect(promptOf(responses).map(({ name, text }) => [name, text])).toEqual([
      ["instructions", "i"],
      ["input[0] (user)", "u"],
      ["input[1] (function_call)", "f({})"],
    ]);
    expect(names({ prompt: "p" })).toEqual(["prompt"]);
    expect(names(null)).toEqual([]);
  });

  test("ids of calls and cache marks are not part of it", () => {
    const one = {
      messages: [
        { role: "assistant", content: null, tool_calls: [{ id: "a", function: { name: "f", arguments: "{}" } }] },
        { role: "tool", tool_call_id: "a", content: "r" },
      ],
    };
    const other = JSON.parse(JSON.stringify(one).replaceAll('"a"', '"b"'));
    expect(diffPrompts(promptOf(one), promptOf(other))).toBeUndefined();
    const marked = { system: [{ type: "text", text: "s", cache_control: { type: "ephemeral" } }], messages: [] };
    expect(diffPrompts(promptOf(marked), promptOf({ system: "s", messages: [] }))).toBeUndefined();
  });
});

describe("where two prompts part", () => {
  const said = (...texts: string[]) => promptOf({ messages: texts.map((content, i) => ({ role: i % 2 ? "assistant" : "user", content })) });

  test("the message and the character", () => {
    expect(diffPrompts(said("a", "hello"), said("a", "help"))).toMatchObject({ change: "changed", part: 1, at: 3, sharedChars: 4 });
    expect(diffPrompts(said("a"), said("a", "b"))).toMatchObject({ change: "extended", part: 1 });
    expect(diffPrompts(said("a", "b"), said("a"))).toMatchObject({ change: "shortened", part: 1 });
  });

  test("property: the common beginning is common, and the next character is not", () => {
    assert(
      property(string(), string(), string(), (head, a, b) => {
        const [one, other] = [head + a, head + b];
        const difference = diffPrompts(said(one), said(other));
        expect(difference === undefined).toBe(one === other);
        const at = difference?.at ?? 0;
        expect(difference === undefined || at >= head.length).toBe(true);
        expect(one.slice(0, at)).toBe(other.slice(0, at));
        expect(one[at] === other[at]).toBe(one === other);
      }),
    );
  });
});

describe("volatile texts", () => {
  test.each([
    ["Today's date: 2026-11-20", "date-time"],
    ["It is Fri Nov 20 2026 now", "date-time"],
    ["Friday, November 20, 2026", "date-time"],
    ["20 Nov 2026, at 10:05", "date-time"],
    ["at 10:05:33 PM", "date-time"],
    ["now=1795168957", "date-time"],
    ["2026-11-20T10:05:33.120Z", "date-time"],
    ["x-anthropic-billing-header: cc_version=1; cch=ab;", "attribution"],
    ["session 0e08175d-48ff-4eab-9d11-2b1c3d4e5f60", "id"],
    ["id ses_e08175d48ffeVYmEh2aroePxgd", "id"],
  ])("%s", (text, kind) => {
    expect(volatileSpans(text)[0]?.kind).toBe(kind);
  });

  test("ordinary text is left alone", () => {
    for (const text of ["version 1.2.3", "port 8080, line 42", "a 4:3 picture", "chapter 12", "0.5 of 10", "call me", "session_id"])
      expect(maskVolatile(text)).toBe(text);
  });

  test("the same sentence at another time is the same when masked", () => {
    expect(maskVolatile("It is 2026-11-20 10:04, go")).toBe(maskVolatile("It is 2027-01-02 23:59, go"));
  });
});
