import { describe, expect, test } from "vitest";
import type { Delta } from "../../src/core/delta.ts";
import { dialectFor } from "../../src/dialects/index.ts";
import { parseExact } from "../../src/wire/json.ts";
import { foldChat, foldMessages, foldResponses, payloadsOf, type Folded } from "../support/fold.ts";
import { exchangeOf, requestPath, responseBody } from "../support/recordings.ts";
import { rewriteStream } from "../support/rewrite.ts";

/** A stage as the fixes are: gets every delta, says what goes out for it. */
type Change = (delta: Delta) => readonly Delta[];

/** Holds the arguments of every call to its end and gives them out changed. */
function argumentsAtTheEnd(change: (text: string) => string): Change {
  const held = new Map<number, string>();
  return (delta) => {
    if (delta.kind === "tool-args") {
      held.set(delta.tool, (held.get(delta.tool) ?? "") + delta.text);
      return [];
    }
    if (delta.kind !== "tool-close") return [delta];
    return [{ kind: "tool-args", choice: delta.choice, tool: delta.tool, text: change(held.get(delta.tool) ?? "") }, delta];
  };
}

/** Takes the whole text away and gives a call for it at the finish, after some text of its own. */
function textBecomesCall(): Change {
  return (delta) => {
    if (delta.kind === "text") return [];
    if (delta.kind !== "finish") return [delta];
    return [
      { kind: "text", choice: 0, text: "Calling. " },
      { kind: "tool-open", choice: 0, tool: 7, id: "call_made", name: "read_file" },
      { kind: "tool-args", choice: 0, tool: 7, text: '{"filePath":' },
      { kind: "tool-args", choice: 0, tool: 7, text: '"/a"}' },
      { kind: "tool-close", choice: 0, tool: 7 },
      delta,
    ];
  };
}

/** Puts a call before everything else, so that every later block or item moves. */
function callFirst(): Change {
  let put = false;
  return (delta) => {
    if (put || !["text", "reasoning", "tool-open"].includes(delta.kind)) return [delta];
    put = true;
    return [
      { kind: "tool-open", choice: 0, tool: 9, id: "call_first", name: "grep" },
      { kind: "tool-args", choice: 0, tool: 9, text: "{}" },
      { kind: "tool-close", choice: 0, tool: 9 },
      delta,
    ];
  };
}

const dropCalls: Change = (delta) => (delta.kind.startsWith("tool-") ? [] : [delta]);

const FOLD: Record<string, (body: Uint8Array) => Folded> = {
  chat: (body) => foldChat(body),
  messages: foldMessages,
  responses: foldResponses,
};
const KIND: Record<string, string> = { "/v1/chat/completions": "chat", "/v1/messages": "messages", "/v1/responses": "responses" };

function played(name: string, change: Change): { before: Folded; after: Folded; body: Uint8Array } {
  const exchange = exchangeOf(name);
  const path = requestPath(exchange);
  const dialect = dialectFor("POST", path);
  const fold = FOLD[KIND[path] ?? ""];
  if (!dialect || !fold) throw new Error(`no dialect for ${name}`);
  const original = responseBody(exchange);
  const body = rewriteStream(dialect, original, (deltas) => {
    const out = deltas.flatMap(change);
    return out.length === deltas.length && out.every((delta, i) => delta === deltas[i]) ? deltas : out;
  });
  return { before: fold(original), after: fold(body), body };
}

const TEXTS = ["chat-hello-stream", "anthropic-hello-stream", "responses-hello-stream"];
const CALLS = [
  "tool-single-stream",
  "tool-text-then-two-stream",
  "tool-single-usage-stream",
  "reasoning-tool-stream",
  "anthropic-tool-stream",
  "responses-tool-stream",
  "responses-text-two-tools-stream",
  "responses-reasoning-tool-stream",
];

describe("streams", () => {
  test.each(CALLS)("%s: changed arguments arrive once and whole", (name) => {
    const { before, after } = played(
      name,
      argumentsAtTheEnd((text) => text.replace("}", ',"more":12345678901234567890}')),
    );
    expect(after.faults).toEqual([]);
    expect(after.calls).toEqual(
      before.calls.map((call) => ({ ...call, arguments: call.arguments.replace("}", ',"more":12345678901234567890}') })),
    );
    expect({ ...after, calls: [] }).toEqual({ ...before, calls: [] });
  });

  test.each([...TEXTS, ...CALLS])("%s: a call made of the text stands behind what text is left", (name) => {
    const { before, after } = played(name, textBecomesCall());
    expect(after.faults).toEqual([]);
    expect(after.content).toBe("Calling. ");
    expect(after.calls).toEqual([...before.calls, { id: "call_made", name: "read_file", arguments: '{"filePath":"/a"}' }]);
    expect(after.done).toBe(before.done);
    expect(after.finish).toBe(before.finish);
  });

  test.each([...TEXTS, ...CALLS])("%s: a call put first moves the rest", (name) => {
    const { before, after } = played(name, callFirst());
    expect(after.faults).toEqual([]);
    expect(after.calls).toEqual([{ id: "call_first", name: "grep", arguments: "{}" }, ...before.calls]);
    expect(after.content).toBe(before.content);
    expect(after.reasoning).toBe(before.reasoning);
  });

  test.each(CALLS)("%s: dropped calls leave no trace", (name) => {
    const { before, after } = played(name, dropCalls);
    expect(after.faults).toEqual([]);
    expect(after).toEqual({ ...before, calls: [] });
  });

  test("the other choice of a reply stays as it was", () => {
    const original = responseBody(exchangeOf("chat-n2-stream"));
    const { body } = played("chat-n2-stream", (delta) =>
      delta.kind === "text" && delta.choice === 0 ? [{ ...delta, text: "x" }] : [delta],
    );
    expect(foldChat(body, 0).content).toMatch(/^x+$/u);
    expect(foldChat(body, 1)).toEqual(foldChat(original, 1));
  });

  test("usage and timings stay in the chunk of the finish", () => {
    const { body } = played("chat-hello-stream", textBecomesCall());
    const last = payloadsOf(body).at(-2);
    expect(last).toMatchObject({ timings: { predicted_n: 18 }, choices: [{ finish_reason: "stop" }] });
  });

  test("only the calls that were changed are written anew in Messages", () => {
    const name = "anthropic-tool-stream";
    const { body } = played(name, (delta) => (delta.kind === "tool-args" && delta.text === "{" ? [{ ...delta, text: "{ " }] : [delta]));
    const original = responseBody(exchangeOf(name)).toString();
    expect(Buffer.from(body).toString()).toBe(original.replace('"partial_json":"{"', '"partial_json":"{ "'));
  });
});

/** A whole body with its deltas changed. */
function written(name: string, change: Change): any {
  const exchange = exchangeOf(name);
  const dialect = dialectFor("POST", requestPath(exchange));
  const body = parseExact(responseBody(exchange).toString());
  return JSON.parse(JSON.stringify(dialect?.writeDocument(body, dialect.readDocument(body).flatMap(change))));
}

describe("documents", () => {
  test("chat: arguments, ids and order", () => {
    const body = written(
      "tool-single",
      argumentsAtTheEnd((text) => text.replace("{", '{"n":1e400,')),
    );
    expect(body.choices[0].message.tool_calls[0].function.arguments).toContain('{"n":1e400,');
    const made = written("chat-hello", textBecomesCall());
    expect(made.choices[0].message).toMatchObject({
      content: "Calling. ",
      tool_calls: [{ id: "call_made", type: "function", function: { name: "read_file", arguments: '{"filePath":"/a"}' } }],
    });
    expect(written("tool-single", dropCalls).choices[0].message).not.toHaveProperty("tool_calls");
  });

  test("messages: input is an object, signatures stay with their block", () => {
    const body = written(
      "anthropic-thinking-tool",
      argumentsAtTheEnd(() => '{"filePath":"/other"}'),
    );
    expect(body.content).toMatchObject([
      { type: "thinking", signature: "", thinking: "I should read it.\n" },
      { type: "text" },
      { type: "tool_use", id: "8BGfXQpeawB8XMXIm3873nzNrpVUpThl", input: { filePath: "/other" } },
    ]);
    const made = written("anthropic-thinking-tool", textBecomesCall());
    expect(made.content.map((block: any) => [block.type, block.input])).toEqual([
      ["thinking", undefined],
      ["tool_use", { filePath: "/tmp/notes.txt" }],
      ["text", undefined],
      ["tool_use", { filePath: "/a" }],
    ]);
  });

  test("messages: arguments that are no object leave the input alone", () => {
    const body = written(
      "anthropic-tool",
      argumentsAtTheEnd(() => '{"filePath":"/cut'),
    );
    expect(body.content[0].input).toEqual({ filePath: "/tmp/notes.txt" });
  });

  test("responses: items keep their ids", () => {
    const body = written(
      "responses-text-two-tools",
      argumentsAtTheEnd((text) => text.replace("}", ',"x":1}')),
    );
    const original = JSON.parse(responseBody(exchangeOf("responses-text-two-tools")).toString());
    expect(body.output.map((item: any) => item.id)).toEqual(original.output.map((item: any) => item.id));
    expect(body.output[1].arguments).toContain(',"x":1}');
    const made = written("responses-hello", textBecomesCall());
    expect(made.output).toMatchObject([
      { type: "message", content: [{ type: "output_text", text: "Calling. " }] },
      { type: "function_call", call_id: "call_made", name: "read_file", arguments: '{"filePath":"/a"}' },
    ]);
  });
});
