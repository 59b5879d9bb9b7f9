import { expect, test } from "vitest";
import { parse } from "yaml";
import { defaultConfigText } from "../../src/config/document.ts";
import { describeSchema, keysOf } from "../../src/config/keys.ts";
import { CONFIG_SCHEMA } from "../../src/config/schema.ts";

// After a change of the schema or of a fix's options: npx vitest run test/config -u
test("config.yaml.default is what the schema says", async () => {
  await expect(defaultConfigText()).toMatchFileSnapshot("../../config.yaml.default");
});

test("the file as it stands means the defaults, and every key is in it with a meaning", () => {
  const text = defaultConfigText();
  expect(CONFIG_SCHEMA.parse(withoutNulls(parse(text)))).toEqual(CONFIG_SCHEMA.parse({}));
  for (const key of keysOf(describeSchema(CONFIG_SCHEMA))) {
    if (key.description === "") throw new Error(`${key.path.join(".")} has no description`);
    expect(text).toMatch(new RegExp(`^ +(# )?${key.path.at(-1)}:`, "m"));
  }
});

/** Keys whose values are all commented out read as null. */
function withoutNulls(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([name, inner]) => [name, withoutNulls(inner)]),
  );
}
