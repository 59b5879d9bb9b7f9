import { describe, expect, test } from "vitest";
import { foldChat, payloadsOf } from "../../support/fold.ts";
import { chunk, DONE, mended, ROLE } from "./frames.ts";

const TEXT = chunk({ content: "Hi" });
const FINISH = chunk({}, "stop");

test.each(["", "\n", "\r\n", "\r"])("a last frame that ends with %j gets its blank line", (end) => {
  const { sent, notes } = mended([ROLE, TEXT, FINISH, `data: [DONE]${end}`]);
  expect(sent.toString().endsWith("data: [DONE]\n\n")).toBe(true);
  expect(foldChat(sent)).toMatchObject({ content: "Hi", finish: "stop", done: 1 });
  expect(notes).toMatchObject([{ fix: "sse_framing", rule: "no-blank-line" }]);
});

test("a last chunk without its blank line is still said", () => {
  const { sent } = mended([ROLE, TEXT, FINISH.trimEnd()]);
  expect(foldChat(sent)).toMatchObject({ content: "Hi", finish: "stop", done: 1 });
});

test("an error: field becomes an error", () => {
  const error = { code: 400, message: "too long", type: "invalid_request_error" };
  expect(foldChat(mended([`error: ${JSON.stringify(error)}\n\n`, DONE]).sent)).toMatchObject({ error, done: 1 });
  expect(foldChat(mended(["error: out of memory\n\n"]).sent).error).toEqual({ message: "out of memory" });
});

describe("glued frames", () => {
  const A = '{"id":"a","choices":[{"index":0,"delta":{"role":"assistant","content":"A"},"finish_reason":null}]}';
  const B = '{"id":"a","choices":[{"index":0,"delta":{"content":"say data: {x"},"finish_reason":null}]}';

  test.each([
    ["one line", `data: ${A}data: ${B}\n\n`],
    ["two lines", `data: ${A}\ndata: ${B}\n\n`],
    ["a doubled prefix", `data: data: ${A}\n\ndata: ${B}\n\n`],
    ["with the end mark", `data: ${A}\n\ndata: ${B}data: [DONE]\n\n`],
  ])("%s", (_how, frames) => {
    const { sent } = mended([frames]);
    expect(foldChat(sent).content).toBe("Asay data: {x");
    expect(payloadsOf(sent).some((payload) => payload !== "[DONE]" && "unreadable" in payload)).toBe(false);
  });

  test("a head that was cut off is reported as lost", () => {
    const { sent, notes } = mended([`data: {"id":data: ${A}\n\n`]);
    expect(foldChat(sent).content).toBe("A");
    expect(notes[0]).toMatchObject({ fix: "sse_framing", rule: "glued", reason: 'lost: {"id":' });
  });
});

test("JSON without a field name", () => {
  expect(foldChat(mended([TEXT.slice("data: ".length)]).sent).content).toBe("Hi");
});

test("what is legal stays: CRLF, comments, ids, retry, several data lines", () => {
  const split = `data: {"id":"c-1",\ndata: "choices":[]}\n\n`;
  const crlf = [ROLE, TEXT, FINISH, DONE].map((frame) => frame.replaceAll("\n", "\r\n"));
  expect(mended([": hi\r\n\r\n", ...crlf]).untouched).toBe(true);
  expect(mended(["id: 7\nretry: 10\n\n", split, "\n", ROLE, FINISH, DONE]).untouched).toBe(true);
});

test("what cannot be read stays as it is", () => {
  expect(mended(["data: not json\n\n", "data: {\n\n", "whatever\n\n"]).untouched).toBe(true);
});
