import fc from "fast-check";
import { expect, test } from "vitest";
import { joinHeaders, splitHeaders } from "../../src/recorder/header-block.ts";

const name = fc.oneof(fc.string(), fc.constantFrom("Content-Length", "DATE", "traceparent", "Host"));

test("any headers come back as they were, order, case and repeats", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.string())), (pairs) => {
      const headers = pairs.flat();
      expect(joinHeaders(splitHeaders(headers))).toEqual(headers);
    }),
  );
});

test("what differs from request to request does not spoil the sharing", () => {
  const one = splitHeaders(["Host", "a", "Content-Length", "10", "traceparent", "00-1"]);
  const two = splitHeaders(["Host", "a", "Content-Length", "2000", "traceparent", "00-2"]);
  expect(one.shared).toBe(two.shared);
  expect(two.values).toEqual(["2000", "00-2"]);
});
