/** Writes docs/*.schema.json from the zod schemas of src/replay/format.ts and portable.ts: node scripts/recording-schemas.ts */
import { writeFileSync } from "node:fs";
import { recordingSchemas } from "../src/replay/json-schemas.ts";

for (const [name, schema] of recordingSchemas())
  writeFileSync(new URL(`../docs/${name}`, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`);
