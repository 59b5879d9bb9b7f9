/**
 * What llama.cpp's schema compiler (`visit` of json-schema-to-grammar.cpp) is known to refuse, found by
 * walking a schema the way it does: `$ref`, then unions, then `const` and `enum`, then by type. Members
 * that it never looks at are not looked at here either.
 */
import { asArray, asNumber, asString, isObject, type JsonObject } from "../../wire/json.ts";
import { compilablePattern } from "./pattern.ts";
import type { Path } from "./source.ts";

export interface DefectOptions {
  readonly patterns: boolean;
  readonly references: boolean;
  readonly types: boolean;
  readonly repetitions: boolean;
  /** Most repetitions a grammar may have. */
  readonly max_repetitions: number;
}

export interface Defect {
  readonly rule: "pattern" | "reference" | "type" | "repetition";
  /** The value to replace, or to leave out with its key. */
  readonly path: Path;
  /** JSON to put in its place; undefined leaves the member out. */
  readonly replacement: unknown;
}

const KNOWN_TYPES: ReadonlySet<unknown> = new Set(["object", "array", "string", "number", "integer", "boolean", "null"]);
/** Anything: spelled as a list of types, which every build takes; `{}` means "object" to some. */
const ANY_TYPE = ["object", "array", "string", "number", "boolean", "null"];

/** The defects of one tool's schema. Paths begin at `root`. */
export function schemaDefects(root: JsonObject, options: DefectOptions): Defect[] {
  const defects: Defect[] = [];
  const visited = new Set<unknown>();

  function report(enabled: boolean, rule: Defect["rule"], path: Path, replacement?: unknown): void {
    if (enabled) defects.push({ rule, path, replacement });
  }
  function visitAll(list: unknown, path: Path): void {
    asArray(list).forEach((schema, i) => visit(schema, [...path, i]));
  }
  function visitProperties(schema: JsonObject, path: Path): void {
    if (!isObject(schema["properties"])) return;
    for (const [name, property] of Object.entries(schema["properties"])) visit(property, [...path, "properties", name]);
  }

  function visit(schema: unknown, path: Path): void {
    if (typeof schema === "boolean") {
      report(options.types, "type", path, { type: ANY_TYPE });
      return;
    }
    if (!isObject(schema) || visited.has(schema)) return;
    visited.add(schema);
    if ("$ref" in schema) {
      visitReference(schema, path);
      return;
    }
    const union = "oneOf" in schema ? "oneOf" : "anyOf";
    if (union in schema) {
      visitAll(schema[union], [...path, union]);
      return;
    }
    const type = schema["type"];
    if (Array.isArray(type)) {
      const known = type.filter((one) => KNOWN_TYPES.has(one));
      if (known.length < type.length) report(options.types, "type", [...path, "type"], known.length > 0 ? known : ANY_TYPE);
      for (const one of known) visitTyped(schema, one, path);
      return;
    }
    visitTyped(schema, type, path);
  }

  function visitTyped(schema: JsonObject, type: unknown, path: Path): void {
    if ("const" in schema || "enum" in schema) return;
    const untyped = type === undefined || type === null;
    const additional = schema["additionalProperties"];
    if ((untyped || type === "object") && ("properties" in schema || (additional !== undefined && additional !== true))) {
      visitProperties(schema, path);
      if (isObject(additional)) visit(additional, [...path, "additionalProperties"]);
    } else if ((untyped || type === "object" || type === "string") && "allOf" in schema) {
      asArray(schema["allOf"]).forEach((part, i) => visitComponent(part, [...path, "allOf", i]));
    } else if ((untyped || type === "array") && ("items" in schema || "prefixItems" in schema)) {
      const key = "items" in schema ? "items" : "prefixItems";
      if (Array.isArray(schema[key])) visitAll(schema[key], [...path, key]);
      else visit(schema[key], [...path, key]);
      visitCounts(schema, ["minItems", "maxItems"], path);
    } else if ((untyped || type === "string") && "pattern" in schema) {
      visitPattern(schema["pattern"], [...path, "pattern"]);
    } else if (type === "string") {
      visitCounts(schema, ["minLength", "maxLength"], path);
    } else if (!untyped && !KNOWN_TYPES.has(type)) {
      report(options.types, "type", [...path, "type"], ANY_TYPE);
    }
  }

  function visitComponent(part: unknown, path: Path): void {
    if (!isObject(part) || visited.has(part)) return;
    visited.add(part);
    if ("$ref" in part) visitReference(part, path);
    else if ("anyOf" in part) asArray(part["anyOf"]).forEach((one, i) => visitComponent(one, [...path, "anyOf", i]));
    else visitProperties(part, path);
  }

  function visitReference(schema: JsonObject, path: Path): void {
    const target = resolve(root, asString(schema["$ref"]) ?? "");
    if (target) {
      visit(target.schema, target.path);
      return;
    }
    const description = asString(schema["description"]);
    report(options.references, "reference", path, { ...(description === undefined ? {} : { description }), type: ANY_TYPE });
  }

  function visitPattern(pattern: unknown, path: Path): void {
    if (typeof pattern !== "string") return;
    const compilable = compilablePattern(pattern, options.max_repetitions);
    if (compilable !== pattern) report(options.patterns, "pattern", path, compilable);
  }

  function visitCounts(schema: JsonObject, keys: readonly string[], path: Path): void {
    for (const key of keys) {
      if ((asNumber(schema[key]) ?? 0) > options.max_repetitions) report(options.repetitions, "repetition", [...path, key]);
    }
  }

  visit(root, []);
  return defects;
}

/**
 * The target of a `#/…` reference, its steps taken literally as the compiler does. `$defs` are looked
 * for wherever they stand: newer builds hoist them to the root.
 */
function resolve(root: JsonObject, reference: string): { schema: unknown; path: Path } | undefined {
  if (!reference.startsWith("#/")) return undefined;
  const steps = reference.slice(2).split("/");
  const found = follow(root, [], steps);
  return found ?? (steps[0] === "$defs" ? followHoisted(root, [], steps) : undefined);
}

function follow(from: unknown, path: Path, steps: readonly string[]): { schema: unknown; path: Path } | undefined {
  let schema = from;
  const taken: (string | number)[] = [...path];
  for (const step of steps) {
    if (isObject(schema) && Object.hasOwn(schema, step)) {
      schema = schema[step];
      taken.push(step);
    } else if (Array.isArray(schema) && /^\d+$/u.test(step) && Number(step) < schema.length) {
      schema = schema[Number(step)];
      taken.push(Number(step));
    } else return undefined;
  }
  return { schema, path: taken };
}

function followHoisted(node: unknown, path: Path, steps: readonly string[]): { schema: unknown; path: Path } | undefined {
  if (!isObject(node) && !Array.isArray(node)) return undefined;
  const here = isObject(node) ? follow(node, path, steps) : undefined;
  if (here) return here;
  for (const [key, value] of Object.entries(node)) {
    const found = followHoisted(value, [...path, Array.isArray(node) ? Number(key) : key], steps);
    if (found) return found;
  }
  return undefined;
}
