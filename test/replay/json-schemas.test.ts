import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { recordingSchemas } from "../../src/replay/json-schemas.ts";

test.each([...recordingSchemas()])("docs/%s is in step (node scripts/recording-schemas.ts writes it)", (name, schema) => {
  expect(JSON.parse(readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8"))).toEqual(JSON.parse(JSON.stringify(schema)));
});
