/** The file formats as JSON Schemas, for programs that are not ours. */
import { z } from "zod";
import { TEST_CASE } from "./format.ts";
import { PORTABLE_LINE } from "./portable.ts";

/** By name of the file in docs/. */
export function recordingSchemas(): ReadonlyMap<string, unknown> {
  return new Map([
    ["case.schema.json", schemaOf(TEST_CASE, "A test case of llama-proxy make-test")],
    ["recordings.schema.json", schemaOf(PORTABLE_LINE, "One line of a file of llama-proxy export --format portable")],
  ]);
}

function schemaOf(schema: z.ZodType, title: string): unknown {
  return { title, ...z.toJSONSchema(schema) };
}
