import { describe, expect, test } from "vitest";
import { forwarded } from "./requests.ts";

const LINE = "x-anthropic-billing-header: cc_version=2.1.37.0d9; cc_entrypoint=cli; cch=fa690;";
const ON = { strip_attribution_line: { enabled: true } };
const strip = (body: object | string, api: "chat" | "messages" | "responses" = "messages") => forwarded(body, api, ON);

test("off unless asked for", () => {
  expect(forwarded({ system: LINE }, "messages").untouched).toBe(true);
});

describe("messages", () => {
  test("a block of its own goes whole", () => {
    const rest = [
      { type: "text", text: "You are Claude Code." },
      { type: "text", text: "More." },
    ];
    expect(strip({ system: [{ type: "text", text: LINE }, ...rest], messages: [] }).body).toEqual({ system: rest, messages: [] });
  });

  test("the first line of a block or of the text", () => {
    expect(strip({ system: [{ type: "text", text: `${LINE}\nYou are.` }] }).body.system).toEqual([{ type: "text", text: "You are." }]);
    expect(strip({ system: `${LINE}\n\nYou are.` }).body.system).toBe("You are.");
    expect(strip({ system: LINE }).body.system).toBe("");
  });

  test("two requests that differ in the stamp alone become the same bytes", () => {
    const text = (stamp: string) =>
      strip(`{"system":[{"type":"text","text":"${LINE.replace("fa690", stamp)}"},{"type":"text","text":"\\u003cx\\u003e"}],"n":1.0}`).text;
    expect(text("aaaaa")).toBe(text("bbbbb"));
    expect(text("aaaaa")).toBe('{"system":[{"type":"text","text":"\\u003cx\\u003e"}],"n":1.0}');
  });
});

test("chat and responses, where a converter put it", () => {
  const messages = [
    { role: "system", content: `${LINE}\nYou are.` },
    { role: "user", content: "hi" },
  ];
  expect(strip({ messages }, "chat").body.messages[0].content).toBe("You are.");
  expect(strip({ instructions: `${LINE}\nYou are.`, input: [] }, "responses").body.instructions).toBe("You are.");
});

test("anywhere else it is text", () => {
  for (const body of [
    { system: `Say ${LINE}`, messages: [] },
    { system: "x", messages: [{ role: "user", content: LINE }] },
    { system: [{ type: "text", text: "x" }], metadata: { note: LINE } },
  ]) {
    expect(strip(body).untouched).toBe(true);
  }
});

test("the change is told", () => {
  expect(strip({ system: `${LINE}\nYou are.` }).notes).toMatchObject([
    { fix: "strip_attribution_line", action: "fixed", target: "request" },
  ]);
});
