import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { describeSchema, keysOf } from "../../src/config/keys.ts";
import { CONFIG_SCHEMA } from "../../src/config/schema.ts";

const SRC = new URL("../../src/", import.meta.url);

/** Options that do nothing are worse than none: each key must be read somewhere outside the room that defines it. */
test("every configuration key is read by the program", () => {
  const code = readdirSync(SRC, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !/^config[\\/](?:schema|values|keys|document)/.test(file))
    .map((file) => readFileSync(new URL(file, SRC), "utf8"))
    .join("\n");
  const unread = keysOf(describeSchema(CONFIG_SCHEMA))
    .filter(({ path }) => !(path[0] === "fixes" && path.length > 2))
    // As a member (`server.port`) or taken apart (`{ host, port } = config.server`).
    .filter(({ path }) => !new RegExp(`\\.${path.at(-1)}\\b|\\{[^}]*\\b${path.at(-1)}\\b[^}]*\\} = [\\w.]*${path.at(-2)}\\b`).test(code))
    .map(({ path }) => path.join("."));
  expect(unread).toEqual([]);
});
