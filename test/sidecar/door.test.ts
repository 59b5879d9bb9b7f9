import { describe, expect, test } from "vitest";
import { createDoor, isPublic, OPEN_DOOR } from "../../src/sidecar/door.ts";
import { isLoopback } from "../../src/sidecar/own-guard.ts";

const door = createDoor({ keys: ["first-key", "second-key"], backendKey: undefined });

describe("holdsKey", () => {
  test.each<[string, string[], boolean]>([
    ["a bearer token", ["Authorization", "Bearer first-key"], true],
    ["any case of field and scheme", ["AUTHORIZATION", "bearer second-key"], true],
    ["x-api-key", ["X-Api-Key", "second-key"], true],
    ["one of several fields", ["Authorization", "Bearer other", "x-api-key", "first-key"], true],
    ["no field", ["Host", "x"], false],
    ["another key", ["x-api-key", "third-key"], false],
    ["the beginning of a key", ["x-api-key", "first"], false],
    ["a key and more", ["x-api-key", "first-key2"], false],
    ["nothing", ["x-api-key", ""], false],
    ["another scheme", ["Authorization", "Basic first-key"], false],
    ["a key in another field", ["X-Other", "first-key"], false],
  ])("%s", (_name, headers, expected) => {
    expect(door.holdsKey(headers)).toBe(expected);
  });
});

describe("towardsBackend", () => {
  test("an open door changes nothing, whatever key the backend has", () => {
    const headers = ["Authorization", "Bearer theirs"];
    expect(OPEN_DOOR.towardsBackend(headers)).toBe(headers);
    expect(createDoor({ keys: [], backendKey: "b" }).towardsBackend(headers)).toBe(headers);
  });

  test("a key of ours goes no further, another credential does", () => {
    expect(door.towardsBackend(["Authorization", "Bearer theirs", "A", "1", "x-api-key", "first-key"])).toEqual([
      "Authorization",
      "Bearer theirs",
      "A",
      "1",
    ]);
  });

  test("the backend's key is for those who showed one of ours", () => {
    const keyed = createDoor({ keys: ["ours"], backendKey: "backends" });
    expect(keyed.towardsBackend(["x-api-key", "ours", "A", "1", "Authorization", "Bearer x"])).toEqual([
      "A",
      "1",
      "Authorization",
      "Bearer backends",
    ]);
    expect(keyed.towardsBackend(["A", "1"])).toEqual(["A", "1"]);
  });
});

test("a browser's preflight and health checks need no key, as with llama-server", () => {
  expect(isPublic("OPTIONS", "/v1/chat/completions")).toBe(true);
  expect(isPublic("GET", "/health")).toBe(true);
  expect(isPublic("POST", "/v1/chat/completions")).toBe(false);
  expect(isPublic("GET", "/props")).toBe(false);
});

test.each([
  ["127.0.0.1", true],
  ["127.8.9.1", true],
  ["::1", true],
  ["::ffff:127.0.0.1", true],
  ["::ffff:10.0.0.1", false],
  ["10.0.0.1", false],
  ["1270.0.0.1", false],
  [undefined, false],
])("isLoopback(%s)", (address, expected) => {
  expect(isLoopback(address)).toBe(expected);
});
