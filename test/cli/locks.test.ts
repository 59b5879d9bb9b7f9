import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { bindWarnings, readDoor, readListener } from "../../src/cli/locks.ts";
import { needsRestart } from "../../src/cli/restart-keys.ts";
import { CONFIG_SCHEMA, type Config } from "../../src/config/schema.ts";
import { OPEN_DOOR } from "../../src/sidecar/door.ts";

const folder = mkdtempSync(join(tmpdir(), "llama-proxy-locks-"));
afterAll(() => rmSync(folder, { recursive: true }));

const tlsFile = (name: string): string => new URL(`../support/tls/${name}.pem`, import.meta.url).pathname;

function configOf(server: object, rest: object = {}): Config {
  const parsed = CONFIG_SCHEMA.parse({ server, ...rest });
  return { ...parsed, backend: { url: "http://127.0.0.1:8080", timeout_seconds: 5, ...(rest as { backend?: object }).backend } } as Config;
}

function fileOf(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

describe("readDoor", () => {
  test("is open without keys", () => {
    expect(readDoor(configOf({}), {}).locked).toBe(false);
  });

  test("takes keys from a variable and from a file together", () => {
    const file = fileOf("keys", "# for the laptop\nlaptop-key   # theirs\n\nci-key\n");
    const door = readDoor(configOf({ api_keys_env: "KEYS", api_keys_file: file }), { KEYS: "a-key,b-key  c-key" });
    for (const key of ["a-key", "b-key", "c-key", "laptop-key", "ci-key"]) expect(door.holdsKey(["x-api-key", key])).toBe(true);
    expect(door.holdsKey(["x-api-key", "theirs"])).toBe(false);
  });

  test.each<[string, object, RegExp]>([
    ["a variable that is not set", { api_keys_env: "NOPE" }, /NOPE.*not set or empty/],
    ["a file that is missing", { api_keys_file: join(folder, "missing") }, /api_keys_file.*ENOENT/],
    ["a file without a key", { api_keys_file: fileOf("none", "# nothing\n") }, /holds no key/],
    ["a key that no header can carry", { api_keys_file: fileOf("odd", "schl\u00fcssel-geheim\n") }, /beyond ASCII/],
  ])("refuses %s, without saying a key", (_what, server, message) => {
    const read = (): unknown => readDoor(configOf(server), {});
    expect(read).toThrow(message);
    expect(read).not.toThrow("geheim");
  });
});

describe("readListener", () => {
  test("reads certificate and key that belong together", () => {
    expect(readListener(configOf({ tls: { cert: tlsFile("first.cert"), key: tlsFile("first.key") } })).tls).toBeDefined();
  });

  test.each<[string, object, RegExp]>([
    ["a certificate alone", { cert: tlsFile("first.cert") }, /both cert and key/],
    ["a file that is missing", { cert: "/nope", key: tlsFile("first.key") }, /server.tls.cert.*ENOENT/],
    ["a key of another certificate", { cert: tlsFile("first.cert"), key: tlsFile("second.key") }, /not a certificate and its key/],
  ])("refuses %s", (_what, tls, message) => {
    expect(() => readListener(configOf({ tls }))).toThrow(message);
  });
});

test("binding wider than this machine without a key warns loudly; with a key but no TLS it warns", () => {
  const locked = readDoor(configOf({ api_keys_env: "K" }), { K: "k" });
  expect(bindWarnings("127.0.0.1", OPEN_DOOR, {})).toEqual([]);
  expect(bindWarnings("[::1]", OPEN_DOOR, {})).toEqual([]);
  expect(bindWarnings("0.0.0.0", OPEN_DOOR, {}).join("\n")).toMatch(/^WARNING: .*without a key/);
  expect(bindWarnings("0.0.0.0", locked, {})).toEqual([expect.stringContaining("without TLS")]);
  expect(bindWarnings("0.0.0.0", locked, { tls: { cert: Buffer.from(""), key: Buffer.from("") } })).toEqual([]);
});

test("needsRestart names keys, never values", () => {
  const before = configOf({});
  const after = configOf(
    { port: 9000, max_connections: 7, tls: { cert: "a", key: "b" } },
    { recorder: { path: "/x.db" }, stats: { format: "json" } },
  );
  expect(needsRestart(before, after)).toEqual(["server.port", "server.tls", "recorder.path"]);
  expect(needsRestart(before, before)).toEqual([]);
});
