import { describe, expect, test } from "vitest";
import { headerOf, headerValues, isJsonType, mediaType, redactHeaders, withoutHopByHop } from "../../src/wire/headers.ts";

const HEADERS = ["Host", "a", "X-A", "1", "x-a", "2", "Content-Type", "text/plain"];

test("finding is without case, first or all", () => {
  expect(headerOf(HEADERS, "x-A")).toBe("1");
  expect(headerValues(HEADERS, "X-a")).toEqual(["1", "2"]);
  expect(headerOf(HEADERS, "nope")).toBeUndefined();
});

describe("withoutHopByHop", () => {
  test("drops the fields of one connection and keeps order, case and repeats of the rest", () => {
    const headers = [
      "X-A",
      "1",
      "Connection",
      "keep-alive",
      "x-a",
      "2",
      "Keep-Alive",
      "timeout=5",
      "TE",
      "trailers",
      "Transfer-Encoding",
      "chunked",
      "Trailer",
      "X-Sum",
    ];
    expect(withoutHopByHop(headers)).toEqual(["X-A", "1", "x-a", "2", "Trailer", "X-Sum"]);
  });

  test("drops what Connection names, also over several lines", () => {
    const headers = ["Connection", "close, X-One", "connection", " x-two ", "X-One", "1", "X-Two", "2", "X-Three", "3"];
    expect(withoutHopByHop(headers)).toEqual(["X-Three", "3"]);
  });
});

test("redactHeaders keeps nothing of a secret, not even its first characters", () => {
  const redacted = redactHeaders(["Authorization", "Bearer sk-secret", "X-Api-Key", "sk-secret", "Accept", "*/*"]);
  expect(redacted).toEqual(["Authorization", "[redacted]", "X-Api-Key", "[redacted]", "Accept", "*/*"]);
});

test.each([
  ["application/json; charset=utf-8", "application/json", true],
  ["APPLICATION/problem+JSON", "application/problem+json", true],
  ["text/event-stream;charset=utf-8", "text/event-stream", false],
  [undefined, "", false],
])("media type of %s", (value, type, json) => {
  expect(mediaType(value)).toBe(type);
  expect(isJsonType(value)).toBe(json);
});
