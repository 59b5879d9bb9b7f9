import { z } from "zod";
import { asArray, asString, isObject, type JsonObject } from "../../wire/json.ts";
import { defineRequestFix, snippet } from "../fix.ts";
import { schemaDefects, type Defect } from "./schema-defects.ts";
import { applyEdits, cutOut, JsonSource, type Edit, type Path } from "./source.ts";

/**
 * One schema that the grammar compiler refuses costs the whole request: 400 "failed to parse grammar"
 * or "JSON schema conversion failed". Only what is known to be refused is changed, as little as can be:
 * an escape spelled out, a bound dropped, a type widened. What the client sent stays in the record.
 */
export const toolSchema = defineRequestFix({
  name: "tool_schema",
  summary: "Tool schemas that llama.cpp's grammar compiler refuses are made compilable",
  defaultMode: "fix",
  holds: "nothing",
  example: { before: '{"type":"string","pattern":"^\\\\d+$","maxLength":65536}', after: '{"type":"string","pattern":"^[0-9]+$"}' },
  source: "ggml-org/llama.cpp#26596, #27087 (repetitions), #19051 (escapes), #25895; common/json-schema-to-grammar.cpp",
  options: z.strictObject({
    patterns: z.boolean().default(true).describe("spell out or drop patterns that do not compile"),
    references: z.boolean().default(true).describe("replace $ref without a target by any type"),
    types: z.boolean().default(true).describe("widen unknown type names and boolean schemas to any type"),
    repetitions: z.boolean().default(true).describe("drop lengths and counts above max_repetitions"),
    max_repetitions: z
      .int()
      .positive()
      .default(1999)
      .describe("largest repetition the grammar parser takes (its limit is 2000, exclusive until September 2026)"),
  }),
  mend({ dialect, text, body, note }, options) {
    if (!dialect.tools) return undefined;
    const source = new JsonSource(text);
    const edits: Edit[] = [];
    for (const { path, name, schema } of toolSchemas(dialect.name, body)) {
      const defects = schemaDefects(schema, options);
      edits.push(...editsFor(source, path, defects));
      for (const { rule, path: within, replacement } of defects) {
        const whole = [...path, ...within];
        const span = source.at(whole);
        note({
          action: "fixed",
          target: "request",
          rule,
          toolName: name,
          pointer: `/${whole.join("/")}`,
          before: snippet(span ? text.slice(span.from, span.to) : ""),
          after: snippet(replacement === undefined ? "" : JSON.stringify(replacement)),
        });
      }
    }
    return edits.length === 0 ? undefined : applyEdits(text, edits);
  },
});

function toolSchemas(dialect: string, body: unknown): { path: Path; name: string; schema: JsonObject }[] {
  if (!isObject(body)) return [];
  return asArray(body["tools"]).flatMap((tool, i) => {
    if (!isObject(tool)) return [];
    const inFunction = dialect === "openai.chat_completions" && isObject(tool["function"]);
    const holder = inFunction && isObject(tool["function"]) ? tool["function"] : tool;
    const key = dialect === "anthropic.messages" ? "input_schema" : "parameters";
    const schema = holder[key];
    if (!isObject(schema)) return [];
    return [{ path: ["tools", i, ...(inFunction ? ["function"] : []), key], name: asString(holder["name"]) ?? "", schema }];
  });
}

/** Replacements where they stand; members left out by object, so that commas come out right. */
function editsFor(source: JsonSource, base: Path, defects: readonly Defect[]): Edit[] {
  const edits: Edit[] = [];
  const dropped = new Map<string, { object: Path; keys: Set<string> }>();
  for (const { path, replacement } of defects) {
    const whole = [...base, ...path];
    if (replacement !== undefined) {
      const span = source.at(whole);
      if (span) edits.push({ ...span, text: JSON.stringify(replacement) });
      continue;
    }
    const object = whole.slice(0, -1);
    const group = dropped.get(object.join("/")) ?? { object, keys: new Set<string>() };
    group.keys.add(String(whole.at(-1)));
    dropped.set(object.join("/"), group);
  }
  for (const { object, keys } of dropped.values()) {
    const span = source.at(object);
    const members = span ? source.members(span) : [];
    edits.push(...cutOut(members, (i) => keys.has(members[i]?.key ?? "")));
  }
  return edits;
}
