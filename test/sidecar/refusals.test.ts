import { expect, test } from "vitest";
import { failureOf, isLostConnection, refusalOf } from "../../src/sidecar/refusals.ts";

const coded = (code: string, message = code): Error => Object.assign(new Error(message), { code });
const BACKEND = new URL("http://127.0.0.1:8080");

test.each([
  ["ECONNREFUSED", false, "upstream-refused"],
  ["ENOTFOUND", false, "upstream-refused"],
  ["UND_ERR_CONNECT_TIMEOUT", false, "upstream-refused"],
  ["UND_ERR_SOCKET", false, "upstream-refused"],
  ["UND_ERR_SOCKET", true, "upstream-broke"],
  ["ECONNRESET", true, "upstream-broke"],
  ["HPE_INVALID_CONSTANT", false, "upstream-broke"],
  ["UND_ERR_HEADERS_OVERFLOW", false, "upstream-broke"],
  ["UND_ERR_INVALID_ARG", false, "internal"],
])("%s, replied %s: %s", (code, replied, outcome) => {
  expect(failureOf(coded(code), replied)).toMatchObject({ outcome, code });
});

test("the code of a cause counts where the error itself has none", () => {
  const wrapped = new Error("outer", { cause: coded("ECONNREFUSED") });
  expect(failureOf(wrapped, false).code).toBe("ECONNREFUSED");
});

test("both addresses of a name refused: the first one's words", () => {
  const both = Object.assign(new AggregateError([new Error("connect ECONNREFUSED ::1:8080"), new Error("other")]), {
    code: "ECONNREFUSED",
  });
  expect(failureOf(both, false).detail).toBe("connect ECONNREFUSED ::1:8080");
});

test.each([
  ["upstream-refused", 502],
  ["upstream-timeout", 504],
  ["upstream-broke", 502],
  ["shutdown", 503],
  ["internal", 500],
] as const)("%s is status %i and names the proxy as its author", (outcome, status) => {
  const refusal = refusalOf({ outcome, code: undefined, detail: "x" }, BACKEND, 600_000);
  expect(refusal.status).toBe(status);
  expect(refusal.message).toMatch(/^llama-proxy: /);
});

test("only a connection lost without a word is worth another try", () => {
  expect(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"].map((code) => isLostConnection(coded(code)))).toEqual([true, true, true]);
  expect(["ECONNREFUSED", "HPE_INVALID_CONSTANT"].map((code) => isLostConnection(coded(code)))).toEqual([false, false]);
});
